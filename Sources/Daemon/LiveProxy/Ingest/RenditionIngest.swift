import Clockwork
import ControlProtocol
import HLS
import LinuxIO
import LiveProxy
import Logging
import MPEGTS
import MRPConfiguration
import MediaIO
import Wire

/// Follows one rendition: runs the fetch plan, performs its fetches, and hands complete segments to the sender in order.
actor RenditionIngest {
    /// How long it waits for an interface or an address that is not there.
    private static let openingPause = Duration.milliseconds(500)

    nonisolated let url: String
    private var plan: HLSFetchPlan
    private let resource: RenditionResource
    private let journalKey: String
    private let fetching: MediaFetching
    private let exit: MediaExit
    private let sender: MediaSender
    private let logger: Logger
    private var requests: [HLSFetchPlan.FetchID: Task<Void, Never>] = [:]
    /// Segments that wait for their turn.
    private var bodies: [HLSFetchPlan.FetchID: [UInt8]] = [:]
    private var timer = CoreTimer()
    private var refusedSegments: UInt64 = 0
    /// Media of segments that were refused since the last one that was not: the clock goes on over them.
    private var unsent = Duration.zero
    private var isStopped = false

    /// Where the RTP stream goes on when the sender's part of it begins.
    private var continuation: RenditionState
    private(set) var stream: MediaStreamID?
    private var interface: InterfaceIndex?
    /// The next segment follows on something else than the one sent before it.
    private var isContinued: Bool

    /// - Parameters:
    ///   - journalKey: what the stream's place is kept under.
    ///   - continuation: where the RTP stream goes on.
    ///   - isContinued: somebody may have received the stream up to there.
    init(
        _ ordered: IngestOrder.Rendition, location: MediaLocation, journalKey: String, continuation: RenditionState,
        isContinued: Bool, fetching: MediaFetching, exit: MediaExit, sender: MediaSender, logger: Logger
    ) {
        url = ordered.rendition.url
        var configuration = HLSFetchPlan.Configuration()
        configuration.maximumSegmentBytes = fetching.maximumSegmentBytes
        plan = HLSFetchPlan(
            location: location, configuration: configuration, seed: .random(in: .min ... .max),
            now: MonotonicClock.now())
        resource = ordered.resource
        self.journalKey = journalKey
        self.continuation = continuation
        self.isContinued = isContinued
        self.fetching = fetching
        self.exit = exit
        self.sender = sender
        self.logger = logger
    }

    /// Opens the way out, waiting for it where it is not there yet, and begins to fetch.
    func start() async {
        var isFirst = true
        while !isStopped, !open(tells: isFirst) {
            isFirst = false
            try? await Task.sleep(for: Self.openingPause)
        }
        advance { $0.tick(now: MonotonicClock.now()) }
    }

    /// Follows the interface: one that was made anew has another number, and what was opened before sends nowhere.
    func checkExit() async {
        guard !isStopped, let stream, let now = exit.interface, now != interface else { return }
        self.stream = nil
        if let last = await sender.finish(stream) { continuation = last.continuation }
        isContinued = true
        logger.notice("the interface is another one now", metadata: ["reason": "interface-changed"])
        if stream != self.stream { _ = open(tells: true) }
    }

    private func open(tells: Bool) -> Bool {
        guard let interface = exit.interface else {
            if tells {
                logger.warning(
                    "waiting for the interface that the router makes",
                    metadata: ["reason": "no-interface", "interface": "\(exit.configuration.interface)"])
            }
            return false
        }
        do throws(MediaSenderError) {
            stream = try sender.add(
                exit.output(to: resource, by: interface), continuing: continuation, journalKey: journalKey)
            self.interface = interface
            return true
        } catch {
            if tells { logger.warning("cannot send yet", metadata: ["reason": "no-sender", "error": "\(error)"]) }
            return false
        }
    }

    /// Ends fetching; what waits is still sent.
    func halt() {
        isStopped = true
        timer.cancel()
        for request in requests.values { request.cancel() }
        requests = [:]
        bodies = [:]
    }

    /// Ends the stream for good.
    func end() async {
        halt()
        guard let stream else { return }
        self.stream = nil
        _ = await sender.finish(stream)
    }

    /// What the plan has seen, and segments that were no transport stream.
    var status: (counters: FetchCounters, refusedSegments: UInt64, word: String) {
        let word = plan.isFinished ? "finished" : stream == nil ? "waiting" : plan.isStale ? "stale" : "running"
        return (plan.counters, refusedSegments, word)
    }

    private func advance(_ step: (inout HLSFetchPlan) -> [HLSFetchPlan.Action]) {
        guard !isStopped else { return }
        for action in step(&plan) { perform(action) }
        timer.set(plan.deadline) { [weak self] in await self?.tick() }
    }

    private func tick() {
        timer.fired()
        advance { $0.tick(now: MonotonicClock.now()) }
    }

    private func handle(_ input: HLSFetchPlan.Input) {
        advance { $0.handle(input, now: MonotonicClock.now()) }
    }

    private func perform(_ action: HLSFetchPlan.Action) {
        switch action {
        case .fetchPlaylist(let id, let location): fetchPlaylist(id, location)
        case .fetchSegment(let request): fetchSegment(request)
        case .cancel(let id): requests.removeValue(forKey: id)?.cancel()
        case .deliver(let delivery): deliver(delivery)
        case .discard(let id): bodies[id] = nil
        case .report(let event): tell(event)
        case .finish: logger.notice("the playlist has ended", metadata: ["reason": "list-ended"])
        }
    }

    private func fetchPlaylist(_ id: HLSFetchPlan.FetchID, _ location: MediaLocation) {
        requests[id] = Task { [fetching] in
            do throws(FetchFailure) {
                let (bytes, answered) = try await fetching.playlist(location)
                finish(id) { .playlistLoaded($0, bytes, location: answered) }
            } catch {
                finish(id) { .playlistFailed($0, error) }
            }
        }
    }

    private func fetchSegment(_ request: HLSFetchPlan.SegmentRequest) {
        requests[request.id] = Task { [fetching] in
            do throws(FetchFailure) {
                let bytes = try await fetching.segment(request)
                guard requests[request.id] != nil else { return }
                bodies[request.id] = bytes
                finish(request.id) { .segmentCompleted($0, bytes: bytes.count) }
            } catch {
                finish(request.id) { .segmentFailed($0, error) }
            }
        }
    }

    /// A cancelled request has nobody who waits for it.
    private func finish(
        _ id: HLSFetchPlan.FetchID, _ input: (HLSFetchPlan.FetchID) -> HLSFetchPlan.Input
    ) {
        guard requests.removeValue(forKey: id) != nil else { return }
        handle(input(id))
    }

    private func deliver(_ delivery: HLSFetchPlan.Delivery) {
        guard let bytes = bodies.removeValue(forKey: delivery.id), let stream else { return }
        let outcome = sender.append(
            bytes, to: stream, duration: delivery.duration,
            isDiscontinuous: delivery.isDiscontinuous || isContinued, missingBefore: delivery.missingBefore + unsent)
        switch outcome {
        case .accepted:
            isContinued = false
            unsent = .zero
        case .refused(let refusal):
            refusedSegments += 1
            unsent += delivery.missingBefore + delivery.duration
            logger.warning(
                "a segment is not sent",
                metadata: ["reason": "segment-refused", "sequence": "\(delivery.sequence)", "error": "\(refusal)"])
        }
    }

    private func tell(_ event: HLSFetchPlan.Event) {
        switch event {
        case .listRecovered: logger.info("the playlist moves again", metadata: ["reason": "list-recovered"])
        case .ended: break
        case .fetchFailed(let location, let failure):
            logger.warning(
                "a fetch failed", metadata: ["reason": "fetch-failed", "url": "\(location)", "error": "\(failure)"])
        default: logger.warning("\(event)", metadata: ["reason": "ingest"])
        }
    }
}
