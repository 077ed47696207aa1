import Clockwork
import Wire

/// Who queries on a link and when the next general query is due (RFC 3376 §6.6.2): the lowest address wins.
struct Querier: Sendable {
    private(set) var timers: MembershipTimers
    /// The elected router, nil while it is this one.
    private(set) var other: IPAddress?
    private var otherPresentUntil: Instant?
    private var nextGeneralQuery: Instant?
    private var startupQueriesLeft: Int
    private var generator: SeededGenerator

    var isQuerier: Bool { other == nil }
    var nextDeadline: Instant? { .earliest(otherPresentUntil, nextGeneralQuery) }

    init(timers: MembershipTimers, seed: UInt64) {
        self.timers = timers
        startupQueriesLeft = timers.startupQueryCount
        generator = SeededGenerator(seed: seed)
    }

    mutating func start(now: Instant, timers: MembershipTimers) {
        self.timers = timers
        other = nil
        otherPresentUntil = nil
        startupQueriesLeft = timers.startupQueryCount
        nextGeneralQuery = now
    }

    mutating func stop() {
        other = nil
        otherPresentUntil = nil
        nextGeneralQuery = nil
    }

    /// New timers of this router's own; another querier's stay until it announces others.
    mutating func reconfigure(_ timers: MembershipTimers, now: Instant) {
        guard isQuerier else { return }
        self.timers = timers
        if let next = nextGeneralQuery { nextGeneralQuery = min(next, now + timers.queryInterval) }
    }

    /// A router with a lower address queries, with the timers it announces; true when that is news.
    mutating func yield(to rival: IPAddress, timers: MembershipTimers, now: Instant) -> Bool {
        self.timers = timers
        otherPresentUntil = now + timers.otherQuerierPresentInterval
        nextGeneralQuery = nil
        startupQueriesLeft = 0
        guard other != rival else { return false }
        other = rival
        return true
    }

    enum Duty: Equatable {
        case sendGeneralQuery
        /// The elected router fell silent.
        case takeOver
    }

    /// What is due at `now`, one thing at a time; `own` are the timers to go by without another querier.
    mutating func duty(at now: Instant, own: MembershipTimers) -> Duty? {
        if let until = otherPresentUntil, until <= now {
            other = nil
            otherPresentUntil = nil
            timers = own
            nextGeneralQuery = now
            return .takeOver
        }
        guard let next = nextGeneralQuery, next <= now else { return nil }
        nextGeneralQuery = now + intervalToNextQuery()
        return .sendGeneralQuery
    }

    /// The first regular interval is shortened by chance, so that interfaces started together do not make all their
    /// hosts answer at the same moment for ever.
    private mutating func intervalToNextQuery() -> Duration {
        guard startupQueriesLeft > 0 else { return timers.queryInterval }
        startupQueriesLeft -= 1
        if startupQueriesLeft > 0 { return timers.startupQueryInterval }
        return timers.queryInterval - generator.duration(upTo: timers.queryInterval / 4)
    }
}
