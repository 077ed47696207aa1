import Clockwork

/// Decides what to fetch next, and when, to follow one live rendition (RFC 8216 §6.3); performs nothing.
///
/// A shell runs it like this:
///
///     var plan = HLSFetchPlan(location: url, seed: seed, now: now)
///     perform(plan.tick(now: now))                       // and again whenever `plan.deadline` has come
///     perform(plan.handle(.segmentCompleted(id, bytes: body.count), now: now))
///
/// `perform` starts the requests, keeps each completed segment's bytes under its `FetchID` until the plan says `deliver`
/// (append them to the sender) or `discard`, and drops a request on `cancel`. Deliveries come in the order of the list,
/// though up to two downloads overlap.
package struct HLSFetchPlan: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// How far from the end of a live list the first segment is chosen (RFC 8216 §6.3.3 says at least three).
        package var startTargetDurations = 3
        package var maximumDownloads = 2
        /// Segments known and not yet delivered.
        package var maximumQueuedSegments = 16
        /// Media delivered ahead of real time at most; never less than four target durations.
        package var maximumLead = Duration.seconds(12)
        package var firstRetryDelay = Duration.milliseconds(250)
        package var longestRetryDelay = Duration.seconds(5)
        /// A list without a new segment for so many target durations is reported as stale.
        package var staleTargetDurations = 3
        package var maximumSegmentBytes = 64 << 20
        /// Whether AES-128 may be undone; without it an encrypted list is refused as unsuitable.
        package var decrypts = false

        package init() {}
    }

    package struct FetchID: Hashable, Sendable, Comparable {
        package let rawValue: UInt64
        package static func < (left: FetchID, right: FetchID) -> Bool { left.rawValue < right.rawValue }
    }

    package struct SegmentRequest: Hashable, Sendable {
        package let id: FetchID
        package let location: MediaLocation
        package let byteRange: MediaPlaylist.ByteRange?
        package let sequence: Int64
        /// A longer body is to be dropped and reported as `tooLarge`.
        package let maximumBytes: Int
        /// What the body is to be decrypted with before it is reported as complete.
        package let key: SegmentKey?
    }

    package struct Delivery: Hashable, Sendable {
        package let id: FetchID
        package let sequence: Int64
        package let duration: Duration
        /// The time base may be another one from here on.
        package let isDiscontinuous: Bool
        /// How much media between the previous delivery and this one is lost; zero when none.
        package let missingBefore: Duration
        package let programDateTime: UnixTime?
    }

    package enum Action: Hashable, Sendable {
        /// GET it, following redirects as `RedirectPolicy` allows, up to `Playlist.maximumBytes`.
        case fetchPlaylist(FetchID, MediaLocation)
        case fetchSegment(SegmentRequest)
        case cancel(FetchID)
        case deliver(Delivery)
        case discard(FetchID)
        case report(Event)
        /// The list has ended and everything in it was delivered.
        case finish
    }

    package enum Input: Hashable, Sendable {
        /// `location` is the URL that answered, after redirects.
        case playlistLoaded(FetchID, [UInt8], location: MediaLocation)
        case playlistFailed(FetchID, FetchFailure)
        case segmentCompleted(FetchID, bytes: Int)
        case segmentFailed(FetchID, FetchFailure)
    }

    package enum Event: Hashable, Sendable {
        case fetchFailed(MediaLocation, FetchFailure)
        case playlistRefused(PlaylistError)
        case masterPlaylist
        case unsuitable(MulticastObstacle)
        case listStale
        case listRecovered
        /// An encoder that began again: sequence numbers went back.
        case encoderRestarted
        case segmentSkipped(sequence: Int64)
        case segmentsMissed(count: Int64)
        case ended
    }

    package let location: MediaLocation
    package let configuration: Configuration
    package internal(set) var counters = FetchCounters()
    /// The last list accepted.
    package internal(set) var playlist: MediaPlaylist?
    package internal(set) var isStale = false
    package internal(set) var isFinished = false

    var generator: SeededGenerator
    var nextID: UInt64 = 0
    var reload: Reload
    var consecutivePlaylistFailures = 0
    var lastNews: Instant
    /// The last list that was older than one seen before.
    var olderList: MediaPlaylist?
    var reportedObstacle: MulticastObstacle?

    /// Sequence number of the first segment not yet queued.
    var nextSequence: Int64?
    var queue: [QueuedSegment] = []
    var upcomingDiscontinuity = false
    var upcomingLoss = Duration.zero
    /// When everything delivered so far will have been sent.
    var playoutEnd: Instant

    enum Reload: Hashable, Sendable {
        case due(Instant)
        case loading(FetchID, since: Instant, until: Instant)
        case stopped
    }

    package init(location: MediaLocation, configuration: Configuration = Configuration(), seed: UInt64, now: Instant) {
        self.location = location
        self.configuration = configuration
        generator = SeededGenerator(seed: seed)
        reload = .due(now)
        lastNews = now
        playoutEnd = now
    }

    /// When `tick` is due.
    package var deadline: Instant? {
        var earliest = segmentDeadline
        switch reload {
        case .due(let instant), .loading(_, _, let instant): earliest = .earliest(earliest, instant)
        case .stopped: break
        }
        return isFinished ? nil : earliest
    }

    package mutating func tick(now: Instant) -> [Action] {
        var actions: [Action] = []
        advance(now, &actions)
        return actions
    }

    package mutating func handle(_ input: Input, now: Instant) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .playlistLoaded(let id, let bytes, let location): playlistLoaded(id, bytes, location, now, &actions)
        case .playlistFailed(let id, let failure): playlistFailed(id, failure, now, &actions)
        case .segmentCompleted(let id, let bytes): segmentCompleted(id, bytes, &actions)
        case .segmentFailed(let id, let failure): segmentFailed(id, failure, now, &actions)
        }
        advance(now, &actions)
        return actions
    }

    /// Everything that follows from the passing of time and from room that has become free.
    private mutating func advance(_ now: Instant, _ actions: inout [Action]) {
        guard !isFinished else { return }
        advanceReload(now, &actions)
        expireDownloads(now, &actions)
        deliver(now, &actions)
        fillQueue(&actions)
        startDownloads(now, &actions)
        guard let playlist, playlist.hasEnded, queue.isEmpty, nextSequence == playlist.endSequence else { return }
        isFinished = true
        actions += [.report(.ended), .finish]
    }

    mutating func makeID() -> FetchID {
        nextID += 1
        return FetchID(rawValue: nextID)
    }

    var targetDuration: Duration { playlist?.targetDuration ?? .seconds(2) }

    /// Exponential, and at random within its upper half so that renditions of one dead origin do not return in step.
    mutating func retryDelay(afterFailures failures: Int, limit: Duration) -> Duration {
        let exponent = min(max(failures - 1, 0), 16)
        let delay = min(configuration.firstRetryDelay * (1 << exponent), limit)
        return delay / 2 + generator.duration(upTo: delay / 2)
    }
}

/// What one rendition's ingest has seen.
package struct FetchCounters: Hashable, Sendable, Codable {
    package internal(set) var playlistsLoaded: UInt64 = 0
    package internal(set) var playlistsUnchanged: UInt64 = 0
    package internal(set) var playlistsOlder: UInt64 = 0
    package internal(set) var playlistsRefused: UInt64 = 0
    package internal(set) var playlistFailures: UInt64 = 0
    package internal(set) var segmentsDelivered: UInt64 = 0
    package internal(set) var segmentBytes: UInt64 = 0
    package internal(set) var segmentFailures: UInt64 = 0
    /// Offered, tried, and given up when the output was about to run dry.
    package internal(set) var segmentsSkipped: UInt64 = 0
    /// Gone from the list before they could be had.
    package internal(set) var segmentsMissed: UInt64 = 0
    /// EXT-X-GAP.
    package internal(set) var segmentsDeclaredMissing: UInt64 = 0
    package internal(set) var discontinuities: UInt64 = 0
    package internal(set) var encoderRestarts: UInt64 = 0
    package internal(set) var staleEpisodes: UInt64 = 0
    package internal(set) var timeouts: UInt64 = 0
    /// Of lists and segments.
    package internal(set) var failures: [FetchFailure.Kind: UInt64] = [:]
}
