import Clockwork
import LinuxIO
import LiveProxy
import MPEGTS
import Synchronization

/// Sends the renditions of a proxy, all on one thread, each train at its instant.
///
/// All members may be used from any thread. A segment is read through on the thread that hands it over, so that the
/// sending thread does nothing but send.
package final class MediaSender: Sendable {
    package struct Configuration: Hashable, Sendable {
        package var pacing = RenditionPacer.Configuration()
        /// How long a train without a clock reference may wait for others; at most a millisecond.
        package var slack = Duration.microseconds(500)
        package var maximumRenditions = 1024
        /// Off, every packet is a datagram of its own (sendmmsg); on, that is what an interface without it falls back to.
        package var usesSegmentationOffload = true
        /// Media of one rendition waiting to be sent.
        package var maximumQueuedBytes = 64 << 20
        /// Of the sending thread (SCHED_RR, 1...99), where the process may have it: on a busy host trains of an ordinary
        /// thread leave milliseconds late. It sleeps between trains and yields nothing of its own accord, so it should stay
        /// below the kernel's own threads, which have 50. Nil leaves it an ordinary thread.
        package var realTimePriority: Int? = 10

        package init() {}
    }

    /// How the kernel schedules the sending thread.
    package enum Scheduling: Hashable, Sendable {
        case realTime(priority: Int)
        case ordinary
        /// It should be real-time and may not.
        case refused(SystemError)
    }

    /// Segments waiting for the sending thread, all renditions together.
    package static let waitingSegments = 3072
    /// Segments and orders; one queue, so that no segment overtakes the order that made its rendition.
    private static let mailboxLimit = waitingSegments + 1024

    private struct Registry {
        var gauges: [MediaStreamID: QueueGauge] = [:]
        var journalKeys: [MediaStreamID: String] = [:]
        var nextID: UInt64 = 0
        var isStopped = false
    }

    package let configuration: Configuration
    package let scheduling: Scheduling
    private let registry = Mutex(Registry())
    private let mailbox: Mailbox<SenderCommand>
    /// Counted by segments, so that they cannot crowd orders out.
    private let waiting = QueueGauge()
    private let remote: LoopRemote
    private let thread: Mutex<SystemThread?>

    private let journal: RenditionJournal?

    package init(
        configuration: Configuration = Configuration(), journal: RenditionJournal? = nil
    ) throws(SystemError) {
        self.configuration = configuration
        self.journal = journal
        let loop = try EventLoop()
        let slack = min(configuration.slack, .milliseconds(1))
        let sending = SenderLoop(slack: slack, usesOffload: configuration.usesSegmentationOffload)
        let timer = loop.makeTimer { _ in }
        mailbox = loop.mailbox(limit: Self.mailboxLimit) { [waiting] command in
            if case .append = command { waiting.release(1) }
            sending.perform(command)
        }
        remote = loop.remote
        loop.beforeWaiting {
            sending.sendDue()
            loop.setDeadline(timer, sending.wakeUp)
        }
        let handover = Handover(loop: loop)
        let started = try SystemThread(name: "media-sender") {
            // Clock references leave as exactly as the machine can; others are gathered by `slack`.
            try? SystemThread.setTimerSlack(.microseconds(10))
            try? handover.loop.run()
        }
        scheduling = Self.schedule(started, configuration.realTimePriority)
        thread = Mutex(started)
    }

    private static func schedule(_ thread: borrowing SystemThread, _ priority: Int?) -> Scheduling {
        guard let priority else { return .ordinary }
        do throws(SystemError) {
            try thread.setRealTimePriority(priority)
            return .realTime(priority: priority)
        } catch {
            return .refused(error)
        }
    }

    deinit { remote.stop() }

    /// The loop is built on one thread and used on another only from then on.
    private struct Handover: @unchecked Sendable {
        let loop: EventLoop
    }

    /// Opens the rendition's socket on the calling thread (and so in its network namespace). Under `journalKey` its
    /// continuation is kept up to date in the journal until `remove`.
    package func add(
        _ output: RenditionOutput, continuing state: RenditionState, journalKey: String? = nil
    ) throws(MediaSenderError) -> MediaStreamID {
        let socket = try RenditionSocket(output)
        var repair: RepairSender?
        if let matrix = output.fec {
            repair = try RepairSender(output, matrix, firstSequence: .random(in: .min ... .max))
        }
        let gauge = QueueGauge()
        let id: Result<MediaStreamID, MediaSenderError> = registry.withLock { registry in
            guard !registry.isStopped else { return .failure(.stopped) }
            guard registry.gauges.count < configuration.maximumRenditions else {
                return .failure(.tooManyRenditions(limit: configuration.maximumRenditions))
            }
            registry.nextID += 1
            let id = MediaStreamID(rawValue: registry.nextID)
            registry.gauges[id] = gauge
            registry.journalKeys[id] = journalKey
            return .success(id)
        }
        let added = try id.get()
        let pacer = RenditionPacer(continuing: state, configuration: configuration.pacing)
        let slot = journalKey.flatMap { journal?.slot(for: $0) }
        guard mailbox.send(.add(added, socket, repair, pacer, gauge, slot)) else {
            forget(added)
            throw .stopped
        }
        return added
    }

    /// Queues a whole segment. `duration` and the marks are the playlist's (`HLSFetchPlan.Delivery`).
    package func append(
        _ bytes: [UInt8], to id: MediaStreamID, duration: Duration, isDiscontinuous: Bool = false,
        missingBefore: Duration = .zero
    ) -> AppendOutcome {
        let (gauge, isStopped) = registry.withLock { ($0.gauges[id], $0.isStopped) }
        guard !isStopped else { return .refused(.stopped) }
        guard let gauge else { return .refused(.unknownStream) }
        let segment: TransportSegment
        do throws(TransportSegmentError) {
            segment = try TransportSegment(
                scanning: bytes, duration: duration, isDiscontinuous: isDiscontinuous, missingBefore: missingBefore)
        } catch {
            return .refused(.notMedia(error))
        }
        guard gauge.reserve(segment.byteCount, limit: configuration.maximumQueuedBytes) else {
            return .refused(.queueFull(limit: configuration.maximumQueuedBytes))
        }
        guard waiting.reserve(1, limit: Self.waitingSegments) else {
            gauge.release(segment.byteCount)
            return .refused(.sendingThreadBusy(limit: Self.waitingSegments))
        }
        guard mailbox.send(.append(id, segment)) else {
            waiting.release(1)
            gauge.release(segment.byteCount)
            return .refused(.sendingThreadBusy(limit: Self.waitingSegments))
        }
        return .accepted(queuedBytes: gauge.value)
    }

    /// Sends what was begun and ends the rendition; `completion` gets its last report on the sending thread, or nil
    /// when there is no such rendition.
    package func remove(_ id: MediaStreamID, completion: @escaping @Sendable (RenditionReport?) -> Void = { _ in }) {
        let key = forget(id)
        let ended: @Sendable (RenditionReport?) -> Void = { [journal] report in
            if let key { journal?.free(key) }
            completion(report)
        }
        if !mailbox.send(.remove(id, ended)) { completion(nil) }
    }

    /// Calls `completion` on the sending thread, which must not be kept.
    package func reports(_ completion: @escaping @Sendable ([MediaStreamID: RenditionReport]) -> Void) {
        if !mailbox.send(.report(completion)) { completion([:]) }
    }

    /// Ends all renditions and the thread, and waits for it.
    package func stop() {
        registry.withLock { registry in
            registry.isStopped = true
            registry.gauges = [:]
        }
        _ = mailbox.send(.stop)
        remote.stop()
        let running = thread.withLock { $0.take() }
        running?.join()
    }

    /// Answers the key under which the rendition was journalled.
    @discardableResult
    private func forget(_ id: MediaStreamID) -> String? {
        registry.withLock { registry in
            registry.gauges[id] = nil
            return registry.journalKeys.removeValue(forKey: id)
        }
    }
}
