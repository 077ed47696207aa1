/// Why a line could not be taken.
package enum LineError: Error, Hashable, Sendable, CustomStringConvertible {
    case lineTooLong(limit: Int)
    case outputQueueFull(limit: Int)
    /// As many descriptors wait to be sent as may.
    case tooManyDescriptors(limit: Int)
    case closed

    package var description: String {
        switch self {
        case .lineTooLong(let limit): "a line is longer than \(limit) bytes"
        case .outputQueueFull(let limit): "the other side does not read: more than \(limit) bytes wait for it"
        case .tooManyDescriptors(let limit): "the other side does not read: \(limit) descriptors wait for it"
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
    /// Descriptors that may wait with their bytes.
    package static let descriptorLimit = 4

    package let limit: Int
    private let isSocket: Bool
    private var bytes: [UInt8] = []
    private var start = 0
    /// Descriptors to pass, with how many of the waiting bytes come before each.
    private var descriptors: [(distance: Int, descriptor: SharedDescriptor)] = []

    /// - Parameter isSocket: false for a file or a pipe, which take no `send`; see `FileDescriptor.write` on SIGPIPE.
    package init(limit: Int, isSocket: Bool = true) {
        self.limit = limit
        self.isSocket = isSocket
    }

    package var count: Int { bytes.count - start }
    package var isEmpty: Bool { count == 0 }

    /// Takes all of `added` or nothing; with nothing else waiting it takes any length. A descriptor goes with the first of
    /// these bytes, over a Unix socket.
    package mutating func append(_ added: [UInt8], passing descriptor: SharedDescriptor? = nil) throws(LineError) {
        guard isEmpty || count + added.count <= limit else { throw .outputQueueFull(limit: limit) }
        if let descriptor {
            guard descriptors.count < Self.descriptorLimit else {
                throw .tooManyDescriptors(limit: Self.descriptorLimit)
            }
            descriptors.append((count, descriptor))
        }
        bytes.append(contentsOf: added)
    }

    /// Writes what the other side takes now.
    package mutating func flush(to descriptor: borrowing FileDescriptor) throws(SystemError) {
        while !isEmpty {
            do throws(SystemError) {
                let written = try write(to: descriptor)
                start += written
                for index in descriptors.indices { descriptors[index].distance -= written }
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

    /// Writes up to the next descriptor, or with it.
    private mutating func write(to descriptor: borrowing FileDescriptor) throws(SystemError) -> Int {
        guard isSocket else { return try descriptor.write(bytes[start...]) }
        guard let next = descriptors.first else { return try descriptor.send(stream: bytes[start...]) }
        guard next.distance == 0 else { return try descriptor.send(stream: bytes[start..<start + next.distance]) }
        let end = descriptors.dropFirst().first.map { start + $0.distance } ?? bytes.count
        let written = try descriptor.send(bytes[start..<end], passing: [next.descriptor.descriptor.number])
        descriptors.removeFirst()
        return written
    }
}
