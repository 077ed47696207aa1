import Clockwork
import Wire

/// Where a tree's Joins go: the next hop towards the source as routing names it.
struct NextHop: Hashable, Sendable {
    let interface: InterfaceIndex
    /// Nil when the source is on the link itself and no router needs to be asked.
    let address: IPAddress?
}

/// The upstream (S,G) state machine (RFC 7761 §4.5.5) of a wanted tree: JoinDesired(S,G) is true while it exists.
struct UpstreamMachine: Sendable, Equatable {
    /// What must be said to whom after a step.
    struct Messages: Equatable {
        var prune: IPAddress?
        var join: IPAddress?
    }

    let nextHop: NextHop
    /// RPF'(S,G): the primary address of the neighbour that has the next hop; nil while there is none.
    private(set) var neighbor: IPAddress?
    /// JT; nil while there is no neighbour.
    private(set) var joinTimer: Instant?
    /// When the present neighbour was first asked, or the wish began.
    private(set) var since: Instant

    init(nextHop: NextHop, now: Instant) {
        self.nextHop = nextHop
        since = now
    }

    /// RPF'(S,G) has become `new`. `isOldAlive` tells whether the one before can still be told.
    mutating func neighborChanged(
        to new: IPAddress?, isOldAlive: Bool, refreshAfter interval: Duration, now: Instant
    ) -> Messages {
        guard new != neighbor else { return Messages() }
        let old = neighbor
        neighbor = new
        since = now
        joinTimer = new == nil ? nil : now + interval
        return Messages(prune: isOldAlive ? old : nil, join: new)
    }

    /// JT has expired, or a refresh goes out early with others': the Join that is due.
    mutating func joinSent(refreshAfter interval: Duration, now: Instant) {
        guard neighbor != nil else { return }
        joinTimer = now + interval
    }

    /// A Join(S,G) by another router to RPF'(S,G): ours can wait. `suppression` is min(t_suppressed, holdtime), or zero
    /// where suppression is off.
    mutating func sawJoin(suppression: Duration, now: Instant) {
        guard let timer = joinTimer else { return }
        joinTimer = max(timer, now + suppression)
    }

    /// A Prune(S,G) by another router to RPF'(S,G), or a restart of RPF'(S,G): ours must follow soon.
    mutating func joinNeeded(within override: Duration, now: Instant) {
        guard let timer = joinTimer else { return }
        joinTimer = min(timer, now + override)
    }
}
