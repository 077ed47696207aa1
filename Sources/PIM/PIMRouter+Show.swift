import Clockwork
import Wire

/// A downstream entry as an operator sees it.
package struct DownstreamState: Sendable, Equatable {
    package enum State: String, Sendable {
        case join
        case prunePending = "prune-pending"
    }

    package let tree: SourceGroup
    package let interface: InterfaceIndex
    package let state: State
    /// Whose joins hold it, ordered by address; where join suppression is on, others may want it silently.
    package let neighbors: [DownstreamNeighbor]
    /// When it ends unless a Join refreshes it.
    package let expires: Instant
}

/// A wanted tree as an operator sees it.
package struct UpstreamState: Sendable, Equatable {
    package enum State: String, Sendable {
        case joined
        /// No Hello was heard from the next hop, so nobody can be asked.
        case awaitingNeighbor = "awaiting-neighbor"
        /// The source is on the link itself.
        case directlyConnected = "directly-connected"
    }

    package let tree: SourceGroup
    package let interface: InterfaceIndex
    /// RPF'(S,G) where it is known, else the next hop that is awaited.
    package let neighbor: IPAddress?
    package let state: State
    package let nextJoin: Instant?
    package let since: Instant
}

extension PIMRouter {
    /// Whether a neighbour's join holds `tree` on `index` (Join or PrunePending).
    package func isJoined(_ tree: SourceGroup, on index: InterfaceIndex) -> Bool { downstream[tree, index].isJoined }

    /// The interfaces on which neighbours have joined `tree`, in order.
    package func downstreamInterfaces(of tree: SourceGroup) -> [InterfaceIndex] { downstream.interfaces(of: tree) }

    /// Every tree a neighbour has joined, in order.
    package var downstreamTrees: [SourceGroup] { downstream.trees }

    /// Every downstream entry, ordered by tree and interface.
    package func downstreamStates() -> [DownstreamState] {
        downstream.trees.flatMap { tree in
            downstream.interfaces(of: tree).map { index in
                let machine = downstream[tree, index]
                let isPruning = if case .prunePending = machine.state { true } else { false }
                return DownstreamState(
                    tree: tree, interface: index, state: isPruning ? .prunePending : .join,
                    neighbors: machine.neighbors, expires: machine.expires)
            }
        }
    }

    /// Every wanted tree, in order.
    package func upstreamStates() -> [UpstreamState] { upstream.trees.compactMap(upstreamState(of:)) }

    /// Nil for a tree that is not wanted.
    package func upstreamState(of tree: SourceGroup) -> UpstreamState? {
        guard let machine = upstream[tree] else { return nil }
        let state: UpstreamState.State =
            machine.neighbor != nil
            ? .joined : machine.nextHop.address == nil ? .directlyConnected : .awaitingNeighbor
        return UpstreamState(
            tree: tree, interface: machine.nextHop.interface, neighbor: machine.neighbor ?? machine.nextHop.address,
            state: state, nextJoin: machine.joinTimer, since: machine.since)
    }

    /// Every neighbour, ordered by interface and address.
    package var neighbors: [PIMNeighbor] {
        interfaces.keys.sorted().flatMap { index -> [PIMNeighbor] in
            guard let interface = interfaces[index] else { return [] }
            let designated = interface.designatedRouter
            return interface.neighbors.all.map { neighbor in
                var neighbor = neighbor
                neighbor.isDR = neighbor.address == designated
                return neighbor
            }
        }
    }

    /// The designated router of the link: maybe ourselves; nil on an interface without PIM.
    package func designatedRouter(on index: InterfaceIndex) -> IPAddress? { interfaces[index]?.designatedRouter }

    /// The interfaces PIM runs on, in order.
    package var interfaceIndices: [InterfaceIndex] { interfaces.keys.sorted() }

    /// Nil on an interface that PIM has never run on.
    package func counters(on index: InterfaceIndex) -> PIMCounters? {
        interfaces[index]?.counters ?? restingCounters[index]
    }
}
