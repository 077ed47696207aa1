import Clockwork
import Glibc
import LinuxIO

/// A blocking client for tools: one request, its answer, or a stream of events.
package struct ControlClient<Request: Encodable, Reply: ControlReply>: ~Copyable {
    private static var readSize: Int { 1 << 16 }

    private let descriptor: FileDescriptor
    private var input: LineBuffer
    package let path: String

    package init(path: String, limits: ControlLimits = .standard) throws(ControlSocketError) {
        do throws(SystemError) {
            descriptor = try UnixSocket.connect(to: path)
        } catch {
            throw ControlSocketError(connecting: path, error)
        }
        input = LineBuffer(lengthLimit: limits.snapshotBytes)
        self.path = path
    }

    /// Sends `request` and waits for the next line, which on a fresh connection is its answer.
    package mutating func request(_ request: Request, timeout: Duration) throws(ControlSocketError) -> Reply {
        try send(request, timeout: timeout)
        return try receive(timeout: timeout)
    }

    package mutating func send(_ request: Request, timeout: Duration) throws(ControlSocketError) {
        let deadline = MonotonicClock.now() + timeout
        var line = try LineCoding.encode(request)
        line.append(0x0A)
        var rest = line[...]
        while !rest.isEmpty {
            do throws(SystemError) {
                rest = rest.dropFirst(try descriptor.write(rest))
            } catch {
                guard error.isWouldBlock else { throw .closed }
                try wait(for: POLLOUT, until: deadline)
            }
        }
    }

    /// The next line; a nil timeout waits for ever.
    package mutating func receive(timeout: Duration?) throws(ControlSocketError) -> Reply {
        let deadline = timeout.map { MonotonicClock.now() + $0 }
        while true {
            if let line = try nextLine() { return try LineCoding.decode(Reply.self, from: line) }
            do throws(SystemError) {
                let bytes = try descriptor.read(upTo: Self.readSize)
                guard !bytes.isEmpty else { throw SystemError(call: "read", errno: EPIPE) }
                input.append(bytes)
            } catch {
                guard error.isWouldBlock else { throw .closed }
                try wait(for: POLLIN, until: deadline)
            }
        }
    }

    private mutating func nextLine() throws(ControlSocketError) -> [UInt8]? {
        do throws(LineError) {
            return try input.nextLine()
        } catch {
            throw .lineTooLong(limit: input.lengthLimit)
        }
    }

    private func wait(for events: CInt, until deadline: Instant?) throws(ControlSocketError) {
        var poller = pollfd(fd: descriptor.number, events: Int16(events), revents: 0)
        let left = deadline.map { CInt(clamping: max(0, ($0 - MonotonicClock.now()).milliseconds + 1)) } ?? -1
        let ready = poll(&poller, 1, left)
        if ready == 0 { throw .timedOut }
        if ready < 0, errno != EINTR { throw .system(SystemError(call: "poll", errno: errno).description) }
    }
}
