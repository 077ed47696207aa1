import Clockwork
import Wire

/// A neighbour whose Join holds a tree on an interface.
package struct DownstreamNeighbor: Sendable, Equatable {
    package let address: IPAddress
    package internal(set) var expires: Instant
}

/// The downstream per-interface (S,G) state machine (RFC 7761 §4.5.2), which also remembers who joined.
struct DownstreamMachine: Sendable, Equatable {
    enum State: Sendable, Equatable {
        case noInfo
        case join
        /// Somebody pruned; until then another router may say that it still wants the tree.
        case prunePending(until: Instant)
    }

    private(set) var state = State.noInfo
    /// ET; without meaning in `noInfo`.
    private(set) var expires = Instant.zero
    /// Ordered by address.
    private(set) var neighbors: [DownstreamNeighbor] = []

    var isJoined: Bool { state != .noInfo }

    /// A Join(S,G) to us whose holdtime ends at `holdsUntil`, which is later than `now`.
    mutating func receiveJoin(from neighbor: IPAddress, holdsUntil: Instant, now: Instant) {
        remember(neighbor, until: holdsUntil, now: now)
        switch state {
        case .noInfo:
            state = .join
            expires = holdsUntil
        case .join, .prunePending:
            state = .join
            // "The maximum of its current value and the holdtime", where the current value counts only as far as
            // somebody who has not pruned since stands behind it.
            expires = neighbors.map(\.expires).max() ?? holdsUntil
        }
    }

    /// A Prune(S,G) to us. `overrideDelay` is how long others on the link may take to object; zero ends the state at
    /// once. No objection is needed while another neighbour's own Join is on record beyond that time.
    mutating func receivePrune(from neighbor: IPAddress, overrideDelay: Duration, now: Instant) {
        neighbors.removeAll { $0.address == neighbor || $0.expires <= now }
        switch state {
        case .noInfo, .prunePending: break
        case .join:
            if let last = neighbors.map(\.expires).max(), last > now + overrideDelay {
                expires = last
            } else if overrideDelay > .zero {
                state = .prunePending(until: now + overrideDelay)
            } else {
                reset()
            }
        }
    }

    /// PPT has expired: nobody objected. Returns whether the state ended by it.
    mutating func prunePendingTimerExpired() -> Bool {
        switch state {
        case .noInfo, .join: return false
        case .prunePending:
            reset()
            return true
        }
    }

    /// ET has expired: nobody refreshed.
    mutating func expiryTimerExpired() {
        switch state {
        case .noInfo: break
        case .join, .prunePending: reset()
        }
    }

    /// Forgets a joiner without ending the state, to make room for another.
    mutating func forget(_ neighbor: IPAddress) {
        neighbors.removeAll { $0.address == neighbor }
    }

    private mutating func remember(_ neighbor: IPAddress, until: Instant, now: Instant) {
        neighbors.removeAll { $0.expires <= now && $0.address != neighbor }
        if let known = neighbors.firstIndex(where: { $0.address == neighbor }) {
            neighbors[known].expires = max(neighbors[known].expires, until)
        } else {
            let place = neighbors.firstIndex { $0.address > neighbor } ?? neighbors.count
            neighbors.insert(DownstreamNeighbor(address: neighbor, expires: until), at: place)
        }
    }

    private mutating func reset() {
        self = DownstreamMachine()
    }
}
