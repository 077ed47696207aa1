/// Why a line could not be taken.
package enum LineError: Error, Hashable, Sendable, CustomStringConvertible {
    case lineTooLong(limit: Int)
    case outputQueueFull(limit: Int)
    case closed

    package var description: String {
        switch self {
        case .lineTooLong(let limit): "a line is longer than \(limit) bytes"
        case .outputQueueFull(let limit): "the other side does not read: more than \(limit) bytes wait for it"
        case .closed: "the connection is closed"
        }
    }
}

/// Cuts a stream of bytes into lines; holds at most one unfinished line of `lengthLimit` bytes.
package struct LineBuffer: Sendable {
    package var lengthLimit: Int
    private var bytes: [UInt8] = []
    private var start = 0
    private var scanned = 0

    package init(lengthLimit: Int) {
        self.lengthLimit = lengthLimit
    }

    package mutating func append(_ received: some Collection<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            scanned -= start
            start = 0
        }
        bytes.append(contentsOf: received)
    }

    /// The next whole line without its newline, or nil until more bytes come. After an error the stream has lost its
    /// framing: close it.
    package mutating func nextLine() throws(LineError) -> [UInt8]? {
        guard let end = bytes[scanned...].firstIndex(of: 0x0A) else {
            scanned = bytes.count
            guard bytes.count - start <= lengthLimit else { throw .lineTooLong(limit: lengthLimit) }
            return nil
        }
        guard end - start <= lengthLimit else { throw .lineTooLong(limit: lengthLimit) }
        let line = Array(bytes[start..<end])
        start = end + 1
        scanned = start
        return line
    }
}

/// Bytes that wait for the other side to read, never more than `limit`.
package struct OutputQueue: Sendable {
    package let limit: Int
    private let isSocket: Bool
    private var bytes: [UInt8] = []
    private var start = 0

    /// - Parameter isSocket: false for a file or a pipe, which take no `send`; see `FileDescriptor.write` on SIGPIPE.
    package init(limit: Int, isSocket: Bool = true) {
        self.limit = limit
        self.isSocket = isSocket
    }

    package var count: Int { bytes.count - start }
    package var isEmpty: Bool { count == 0 }

    /// Takes all of `added` or nothing; with nothing else waiting it takes any length.
    package mutating func append(_ added: [UInt8]) throws(LineError) {
        guard isEmpty || count + added.count <= limit else { throw .outputQueueFull(limit: limit) }
        bytes.append(contentsOf: added)
    }

    /// Writes what the other side takes now.
    package mutating func flush(to descriptor: borrowing FileDescriptor) throws(SystemError) {
        while !isEmpty {
            do throws(SystemError) {
                let waiting = bytes[start...]
                start += isSocket ? try descriptor.send(stream: waiting) : try descriptor.write(waiting)
            } catch  where error.isWouldBlock {
                break
            }
        }
        if isEmpty {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 65_536)
            start = 0
        } else if start > 65_536 {
            bytes.removeFirst(start)
            start = 0
        }
    }
}
