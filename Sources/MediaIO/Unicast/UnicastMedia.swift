import Clockwork
import LinuxIO
import Synchronization
import UnicastDelivery

/// Serves many HTTP viewers out of one ring a stream, on a thread of its own.
///
///     let media = try UnicastMedia(configuration) { error in … }          // the packet socket failed: ask for another
///     media.attach(delivery)                                             // what RouterLink passed
///     media.join(ViewerConnection(…))                                    // a request that was admitted
///     let snapshot = await media.snapshot(of: stream, waitingFor: .seconds(10))
///
/// Everything here may be called from any thread and never waits.
package final class UnicastMedia: Sendable {
    package struct Configuration: Hashable, Sendable {
        package enum SlowViewer: String, Hashable, Sendable, CaseIterable, Codable {
            /// Moved forward to the newest random-access point, the jump announced.
            case advance
            case close
        }

        package var ring = RingIndex.Configuration()
        /// How long a missing packet is waited for.
        package var holdTime = Duration.milliseconds(100)
        package var slowViewer = SlowViewer.advance
        package var maximumViewers = 10_000
        package var maximumStreams = 256
        /// A viewer that takes nothing for so long is closed.
        package var stallTimeout = Duration.seconds(15)
        /// A viewer is told that there is no media when none has come for so long.
        package var startTimeout = Duration.seconds(10)
        /// A ring that nobody reads is kept for so long.
        package var streamLinger = Duration.seconds(30)
        /// A burst ends at the latest after so long.
        package var burstLimit = Duration.seconds(10)

        package init() {}
    }

    /// Requests that wait for the thread.
    private static let queueLimit = 16_384

    private let mailbox: Mailbox<UnicastCommand>
    private let remote: LoopRemote
    private let thread: Mutex<SystemThread?>

    /// - Parameter onInputFailure: runs on the media thread when the packet socket fails; it must not wait.
    package init(
        _ configuration: Configuration, onInputFailure: @escaping @Sendable (SystemError) -> Void
    ) throws(SystemError) {
        // Made here and used by the thread alone from its first instruction on: a hand-over, not a sharing.
        nonisolated(unsafe) let worker = try UnicastLoop(configuration, onInputFailure: onInputFailure)
        mailbox = worker.loop.mailbox(limit: Self.queueLimit) { [unowned worker] in worker.perform($0) }
        remote = worker.loop.remote
        thread = Mutex(try SystemThread(name: "unicast-media") { worker.run() })
    }

    deinit { remote.stop() }

    /// Receives by this packet socket, of which a duplicate is made, instead of the one before.
    package func attach(_ delivery: SharedDescriptor) { mailbox.send(.attach(delivery)) }

    /// Takes over an admitted connection; `ended` is always called, once.
    package func join(_ connection: ViewerConnection) {
        if !mailbox.send(.join(connection)) { connection.ended(0, .refused) }
    }

    package func close(session: UInt64) { mailbox.send(.closeSession(session)) }

    /// What the playlist of `stream` names, as soon as that is something; nil when it still is nothing after `limit`, or
    /// at a limit. Keeps the ring for `streamLinger`.
    package func snapshot(of stream: StreamKey, waitingFor limit: Duration) async -> StreamSnapshot? {
        await withCheckedContinuation { continuation in
            let answer: @Sendable (StreamSnapshot?) -> Void = { continuation.resume(returning: $0) }
            if !mailbox.send(.snapshot(stream, limit, answer)) { answer(nil) }
        }
    }

    /// Begins rings for `streams` where there are none, and keeps them for `streamLinger`; those past the limit are refused.
    package func keep(_ streams: [StreamKey]) { mailbox.send(.keep(streams)) }

    /// One segment of `stream`; nil when it is not known, or not any more.
    package func segment(_ number: Int64, of stream: StreamKey) async -> (segment: RingSegment, memory: RingMemory)? {
        await withCheckedContinuation { continuation in
            let answer: @Sendable ((segment: RingSegment, memory: RingMemory)?) -> Void = {
                continuation.resume(returning: $0)
            }
            if !mailbox.send(.segment(stream, number, answer)) { answer(nil) }
        }
    }

    package func report() async -> UnicastReport? {
        await withCheckedContinuation { continuation in
            let answer: @Sendable (UnicastReport?) -> Void = { continuation.resume(returning: $0) }
            if !mailbox.send(.report(answer)) { answer(nil) }
        }
    }

    /// Closes every connection, ends the thread and waits for it.
    package func stop() {
        remote.stop()
        let running = thread.withLock { $0.take() }
        running?.join()
    }
}

/// A connection whose request was admitted.
package struct ViewerConnection: Sendable {
    package let stream: StreamKey
    package let session: UInt64
    package let rendition: String
    /// Its socket; a duplicate is made.
    package let descriptor: SharedDescriptor
    /// The response's head, up to and with the empty line.
    package let head: [UInt8]
    /// Framed RTP packets for fast channel change, instead of the bare stream.
    package let isBurst: Bool
    /// Called once with the bytes sent, on the media thread; it must not wait.
    package let ended: @Sendable (UInt64, ViewerEnd) -> Void

    package init(
        stream: StreamKey, session: UInt64, rendition: String, descriptor: SharedDescriptor, head: [UInt8],
        isBurst: Bool = false, ended: @escaping @Sendable (UInt64, ViewerEnd) -> Void
    ) {
        self.stream = stream
        self.session = session
        self.rendition = rendition
        self.descriptor = descriptor
        self.head = head
        self.isBurst = isBurst
        self.ended = ended
    }
}

enum UnicastCommand: Sendable {
    case attach(SharedDescriptor)
    case join(ViewerConnection)
    case closeSession(UInt64)
    case snapshot(StreamKey, Duration, @Sendable (StreamSnapshot?) -> Void)
    case keep([StreamKey])
    case segment(StreamKey, Int64, @Sendable ((segment: RingSegment, memory: RingMemory)?) -> Void)
    case report(@Sendable (UnicastReport?) -> Void)
}

extension UnicastLoop {
    func perform(_ command: UnicastCommand) {
        switch command {
        case .attach(let descriptor): attach(descriptor)
        case .join(let connection): join(connection)
        case .closeSession(let session): close(session: session)
        case .snapshot(let key, let limit, let answer): snapshot(key, waitingFor: limit, answer)
        case .keep(let keys):
            let now = MonotonicClock.now()
            for key in keys { stream(key, now)?.stream.lastUsed = now }
        case .segment(let key, let number, let answer):
            guard let index = streamIndex[key], let stream = streams[index] else { return answer(nil) }
            stream.lastUsed = MonotonicClock.now()
            answer(stream.feed.index.segment(number).map { ($0, stream.feed.memory) })
        case .report(let answer): answer(report())
        }
    }
}
