import Clockwork
import HLS

/// A packager, a web server and the shell around the plan, all in virtual time.
///
/// A segment appears in the list when it is complete: number n at (n + 1) target durations.
struct LiveOrigin {
    var target = Duration.seconds(2)
    var window: Int64 = 5
    /// Added to the number of the first segment an encoder makes.
    var firstSequence: Int64 = 100
    /// How long ago the encoder began.
    var epoch = Instant.zero
    var name = "seg"
    var latency = Duration.milliseconds(20)
    /// The list's answer is replaced: nil means the honest one.
    var listOverride: (Instant) -> ListAnswer? = { _ in nil }
    /// Status for a segment's n-th attempt; 200 delivers it.
    var segmentStatus: (_ sequence: Int64, _ attempt: Int, _ now: Instant) -> Int = { _, _, _ in 200 }
    /// Tags placed before a segment.
    var tags: (Int64) -> String = { _ in "" }
    var endsAt: Int64?

    enum ListAnswer {
        case text(String)
        case status(Int)
        case silence
    }

    func list(at now: Instant) -> String {
        let made = (now - epoch).nanoseconds / target.nanoseconds
        let end = min(firstSequence + max(made, 0), endsAt ?? .max)
        let first = max(firstSequence, end - window)
        var text = "#EXTM3U\n#EXT-X-TARGETDURATION:\(target.components.seconds)\n#EXT-X-MEDIA-SEQUENCE:\(first)\n"
        let departed = (firstSequence..<first).count { tags($0).contains("DISCONTINUITY") }
        if departed > 0 { text += "#EXT-X-DISCONTINUITY-SEQUENCE:\(departed)\n" }
        for sequence in first..<end {
            text += "\(tags(sequence))#EXTINF:\(target.components.seconds),\n\(name)\(sequence).ts\n"
        }
        if end == endsAt { text += "#EXT-X-ENDLIST\n" }
        return text
    }
}

/// Runs a plan against an origin, and remembers what it asked for and delivered.
struct FetchRun {
    struct Served: Equatable {
        let sequence: Int64
        let at: Instant
        let isDiscontinuous: Bool
        let missing: Duration
    }

    var plan: HLSFetchPlan
    var origin: LiveOrigin
    private(set) var now: Instant
    private(set) var served: [Served] = []
    private(set) var listRequests: [Instant] = []
    private(set) var events: [HLSFetchPlan.Event] = []
    private(set) var running = 0
    private(set) var mostRunning = 0
    private(set) var hasFinished = false
    private(set) var discarded = 0
    private(set) var keys: [Int64: SegmentKey?] = [:]
    private var attempts: [Int64: Int] = [:]
    private var answers: [(at: Instant, input: HLSFetchPlan.Input)] = []
    private var held: Set<HLSFetchPlan.FetchID> = []

    init(origin: LiveOrigin, start: Instant, configuration: HLSFetchPlan.Configuration = .init(), seed: UInt64 = 1)
        throws
    {
        let location = try MediaLocation("http://origin/live/index.m3u8")
        plan = HLSFetchPlan(location: location, configuration: configuration, seed: seed, now: start)
        self.origin = origin
        now = start
    }

    mutating func run(until end: Instant) {
        while true {
            let answer = answers.indices.min { answers[$0].at < answers[$1].at }
            let next = Optional.earliest(plan.deadline, answer.map { answers[$0].at }) ?? end
            guard next < end else { return now = end }
            now = max(now, next)
            if let answer, answers[answer].at <= now {
                let input = answers.remove(at: answer).input
                if isSegment(input) { running -= 1 }
                perform(plan.handle(input, now: now))
            } else {
                perform(plan.tick(now: now))
            }
        }
    }

    private func isSegment(_ input: HLSFetchPlan.Input) -> Bool {
        switch input {
        case .segmentCompleted, .segmentFailed: true
        case .playlistLoaded, .playlistFailed: false
        }
    }

    private mutating func perform(_ actions: [HLSFetchPlan.Action]) {
        for action in actions {
            switch action {
            case .fetchPlaylist(let id, let location): answerList(id, location)
            case .fetchSegment(let request): answerSegment(request)
            case .cancel(let id): cancel(id)
            case .deliver(let delivery):
                held.remove(delivery.id)
                served.append(
                    Served(
                        sequence: delivery.sequence, at: now, isDiscontinuous: delivery.isDiscontinuous,
                        missing: delivery.missingBefore))
            case .discard: discarded += 1
            case .report(let event): events.append(event)
            case .finish: hasFinished = true
            }
        }
    }

    private mutating func answerList(_ id: HLSFetchPlan.FetchID, _ location: MediaLocation) {
        listRequests.append(now)
        let at = now + origin.latency
        switch origin.listOverride(now) ?? .text(origin.list(at: now)) {
        case .text(let text): answers.append((at, .playlistLoaded(id, Array(text.utf8), location: location)))
        case .status(let code): answers.append((at, .playlistFailed(id, .status(code))))
        case .silence: break
        }
    }

    private mutating func answerSegment(_ request: HLSFetchPlan.SegmentRequest) {
        attempts[request.sequence, default: 0] += 1
        keys[request.sequence] = .some(request.key)
        running += 1
        mostRunning = max(mostRunning, running)
        let status = origin.segmentStatus(request.sequence, attempts[request.sequence] ?? 0, now)
        guard status != 0 else { return }
        let input: HLSFetchPlan.Input =
            status == 200 ? .segmentCompleted(request.id, bytes: 188) : .segmentFailed(request.id, .status(status))
        answers.append((now + origin.latency, input))
    }

    private mutating func cancel(_ id: HLSFetchPlan.FetchID) {
        let before = answers.count
        answers.removeAll {
            switch $0.input {
            case .segmentCompleted(id, _), .segmentFailed(id, _): true
            default: false
            }
        }
        if answers.count < before || running > 0 { running -= 1 }
    }
}

func seconds(_ value: Double) -> Instant { Instant(nanoseconds: Int64(value * 1e9)) }
