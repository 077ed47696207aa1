import Clockwork
import Wire

/// The routers of one link and what follows from them together (RFC 7761 §§4.3.1–4.3.4).
struct NeighborTable: Sendable {
    enum HelloOutcome: Equatable {
        case appeared
        /// The neighbour lost its state: its GenID is another one.
        case restarted
        case refreshed
    }

    let interface: InterfaceIndex
    /// Ordered by address.
    private(set) var all: [PIMNeighbor] = []

    init(interface: InterfaceIndex) {
        self.interface = interface
    }

    var count: Int { all.count }

    subscript(address: IPAddress) -> PIMNeighbor? {
        position(of: address).map { all[$0] }
    }

    private func position(of address: IPAddress) -> Int? {
        all.firstIndex { $0.address == address }
    }

    /// NBR(interface, address): the primary address of the neighbour that has `address`.
    func primaryAddress(for address: IPAddress) -> IPAddress? {
        if position(of: address) != nil { return address }
        return all.first { $0.secondaryAddresses.contains(address) }?.address
    }

    /// Takes in a Hello that is no goodbye.
    mutating func hear(
        _ hello: Hello, from address: IPAddress, limit: Int, now: Instant
    ) throws(PIMError) -> HelloOutcome {
        guard let known = position(of: address) else {
            guard all.count < limit else { throw .tooManyNeighbors }
            var neighbor = PIMNeighbor(interface: interface, address: address, since: now)
            neighbor.take(hello, now: now)
            all.insert(neighbor, at: all.firstIndex { $0.address > address } ?? all.count)
            return .appeared
        }
        let hasRestarted = all[known].generationID != hello.generationID
        all[known].take(hello, now: now)
        if hasRestarted { all[known].since = now }
        return hasRestarted ? .restarted : .refreshed
    }

    /// Maps `claimed` to the neighbour at `address`, as its latest Hello says. An address two neighbours claim goes to
    /// the one heard last (RFC 7761 §4.3.4); one that is a router's primary address stays with that router. Returns
    /// the addresses whose mapping may have changed and how many claims were in conflict.
    mutating func setSecondaryAddresses(
        _ claimed: [IPAddress], of address: IPAddress, isOwn: (IPAddress) -> Bool
    ) -> (changed: [IPAddress], conflicts: Int) {
        guard let known = position(of: address) else { return ([], 0) }
        let others = claimed.filter { $0 != address }
        let granted = others.filter { !isOwn($0) && position(of: $0) == nil }
        var conflicts = others.count - granted.count
        let previous = all[known].secondaryAddresses
        guard granted != previous else { return ([], conflicts) }
        for other in all.indices where other != known {
            let before = all[other].secondaryAddresses.count
            all[other].secondaryAddresses.removeAll { granted.contains($0) }
            conflicts += before - all[other].secondaryAddresses.count
        }
        all[known].secondaryAddresses = granted
        return (previous + granted.filter { !previous.contains($0) }, conflicts)
    }

    mutating func remove(_ address: IPAddress) -> PIMNeighbor? {
        position(of: address).map { all.remove(at: $0) }
    }

    // MARK: The link as a whole

    /// Whether every neighbour sent the LAN Prune Delay option (`lan_delay_enabled`).
    private var isLANDelayEnabled: Bool { all.allSatisfy { $0.lanPruneDelay != nil } }

    /// Effective_Propagation_Delay(I) (RFC 7761 §4.3.3).
    func propagationDelay(own configuration: PIMConfiguration) -> Duration {
        guard isLANDelayEnabled else { return Self.defaultPropagationDelay }
        let heard = all.compactMap(\.lanPruneDelay?.propagationDelay).max() ?? 0
        return .milliseconds(Int64(max(heard, min(configuration.propagationDelay.millisecondsField, 0x7FFF))))
    }

    /// Effective_Override_Interval(I).
    func overrideInterval(own configuration: PIMConfiguration) -> Duration {
        guard isLANDelayEnabled else { return Self.defaultOverrideInterval }
        let heard = all.compactMap(\.lanPruneDelay?.overrideInterval).max() ?? 0
        return .milliseconds(Int64(max(heard, configuration.overrideInterval.millisecondsField)))
    }

    /// J/P_Override_Interval(I): how long a prune waits for somebody's override.
    func prunePendingInterval(own configuration: PIMConfiguration) -> Duration {
        propagationDelay(own: configuration) + overrideInterval(own: configuration)
    }

    /// Suppression_Enabled(I).
    var isSuppressionEnabled: Bool {
        !all.allSatisfy { $0.lanPruneDelay?.canDisableJoinSuppression == true }
    }

    /// The designated router of a link where we are `address` (RFC 7761 §4.3.2): the highest priority, then the highest
    /// address; the address alone when any neighbour sends no priority.
    func designatedRouter(own address: IPAddress, priority: UInt32) -> IPAddress {
        let usesPriority = all.allSatisfy { $0.drPriority != nil }
        var best = (priority: usesPriority ? priority : 0, address: address)
        for neighbor in all {
            let candidate = (priority: usesPriority ? neighbor.drPriority ?? 0 : 0, address: neighbor.address)
            if best < candidate { best = candidate }
        }
        return best.address
    }

    private static let defaultPropagationDelay: Duration = .milliseconds(500)
    private static let defaultOverrideInterval: Duration = .milliseconds(2500)
}
