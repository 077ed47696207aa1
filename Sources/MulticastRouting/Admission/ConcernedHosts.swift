import ControlProtocol
import Wire

/// Whose verdicts a change of authorizations may alter: with thousands of viewers of one channel, each one's
/// authorization must not cost a look at all the others.
enum ConcernedHosts: Sendable, Equatable {
    case some(Set<IPAddress>)
    case all

    static let nobody = ConcernedHosts.some([])

    /// A MAC may be that of any host.
    static func hosts(of binding: SubscriberBinding) -> ConcernedHosts {
        binding.mac == nil ? .some(Set(binding.addresses)) : .all
    }

    mutating func formUnion(_ other: ConcernedHosts) {
        switch (self, other) {
        case (.all, _): break
        case (.some, .all): self = .all
        case (.some(var mine), .some(let theirs)):
            self = .nobody
            mine.formUnion(theirs)
            self = .some(mine)
        }
    }
}
