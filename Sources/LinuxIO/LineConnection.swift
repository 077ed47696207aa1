/// One message a line over a connected stream, on an event loop; input and output are bounded.
///
/// The loop keeps the connection alive until it is closed by either side or by an error; then `closed` is reported once.
package final class LineConnection {
    package struct Limits: Sendable {
        /// The longest line taken, in bytes without its newline.
        package var lineLength: Int
        /// The most bytes that may wait for the other side to read.
        package var queuedOutput: Int

        package init(lineLength: Int = 1 << 20, queuedOutput: Int = 4 << 20) {
            self.lineLength = lineLength
            self.queuedOutput = queuedOutput
        }
    }

    package enum Event {
        /// Without its newline; not checked to be UTF-8.
        case line([UInt8])
        case closed(CloseReason)
    }

    package enum CloseReason: Hashable, Sendable {
        case byPeer
        case byUs
        case lineTooLong(limit: Int)
        case failed(SystemError)
    }

    private static let bytesPerRound = 65_536
    /// Descriptors that came in and were not taken; more are closed.
    package static let descriptorLimit = 4

    private let loop: EventLoop
    private let descriptor: FileDescriptor
    private let handler: (LineConnection, Event) -> Void
    private var token: EventLoop.Token?
    private var input: LineBuffer
    private var output: OutputQueue
    private let acceptsDescriptors: Bool
    private var received: [SharedDescriptor] = []
    private var isWaitingToWrite = false
    private var closesWhenFlushed = false

    /// Takes over a connected, non-blocking stream.
    /// - Parameter acceptsDescriptors: whether the other side, over a Unix socket, may pass some; else the kernel closes
    ///   them.
    package init(
        _ descriptor: consuming FileDescriptor, on loop: EventLoop, limits: Limits = Limits(),
        acceptsDescriptors: Bool = false, handler: @escaping (LineConnection, Event) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.descriptor = descriptor
        self.handler = handler
        self.acceptsDescriptors = acceptsDescriptors
        input = LineBuffer(lengthLimit: limits.lineLength)
        output = OutputQueue(limit: limits.queuedOutput)
        token = try loop.add(self.descriptor, .readable) { events in self.serve(events) }
    }

    package var isOpen: Bool { token != nil }

    /// The longest line taken from now on.
    package var lineLengthLimit: Int {
        get { input.lengthLimit }
        set { input.lengthLimit = newValue }
    }

    package var queuedOutput: Int { output.count }

    /// Queues `line` and its newline, and writes what the other side takes now. A line must not hold a newline. A
    /// descriptor passed with it is there before the other side sees the line.
    package func send(_ line: [UInt8], passing descriptor: SharedDescriptor? = nil) throws(LineError) {
        guard isOpen, !closesWhenFlushed else { throw .closed }
        try output.append(line + [0x0A], passing: descriptor)
        if !isWaitingToWrite { flush() }
    }

    /// The descriptor that came in first and was not taken yet. To be called for each line that is said to bring one.
    package func takeDescriptor() -> SharedDescriptor? {
        received.isEmpty ? nil : received.removeFirst()
    }

    /// Closes once the queued output is written; nothing more is read.
    package func finish() {
        closesWhenFlushed = true
        flush()
    }

    package func close() {
        close(.byUs)
    }

    private func close(_ reason: CloseReason) {
        guard let token else { return }
        loop.remove(token)
        self.token = nil
        received = []
        descriptor.shutdown()
        handler(self, .closed(reason))
    }

    private func serve(_ events: EventLoop.Events) {
        if events.contains(.writable) { flush() }
        guard isOpen, !events.isDisjoint(with: [.readable, .hangUp, .error]) else { return }
        receive()
    }

    private func receive() {
        do throws(SystemError) {
            let bytes = try readBytes()
            if bytes.isEmpty { return close(.byPeer) }
            // After `finish` the input is read only to notice the other side's end.
            if closesWhenFlushed { return }
            input.append(bytes)
        } catch {
            return error.isWouldBlock ? () : close(.failed(error))
        }
        deliverLines()
    }

    private func readBytes() throws(SystemError) -> [UInt8] {
        guard acceptsDescriptors else { return try descriptor.read(upTo: Self.bytesPerRound) }
        let (bytes, descriptors) = try descriptor.receive(upTo: Self.bytesPerRound)
        received += descriptors.prefix(max(0, Self.descriptorLimit - received.count))
        return bytes
    }

    private func deliverLines() {
        do throws(LineError) {
            while isOpen, !closesWhenFlushed, let line = try input.nextLine() { handler(self, .line(line)) }
        } catch {
            close(.lineTooLong(limit: input.lengthLimit))
        }
    }

    private func flush() {
        guard let token else { return }
        do throws(SystemError) {
            try output.flush(to: descriptor)
            if output.isEmpty, closesWhenFlushed { return close(.byUs) }
            if output.isEmpty == isWaitingToWrite {
                isWaitingToWrite = !output.isEmpty
                try loop.update(token, isWaitingToWrite ? [.readable, .writable] : .readable)
            }
        } catch {
            close(.failed(error))
        }
    }
}
