import Clockwork
import Wire

extension PIMRouter {
    /// A Join/Prune that names us as the upstream neighbour; entries we cannot serve are counted and skipped.
    mutating func receiveJoinPrune(
        _ message: JoinPrune, from sender: IPAddress, on interface: PIMInterface, now: Instant,
        into actions: inout [PIMAction]
    ) {
        let holdsUntil = Self.end(ofHoldtime: message.holdtime, from: now)
        for group in message.groups {
            for source in group.joined {
                attempt(on: interface.index) { router throws(PIMError) in
                    let tree = try Self.tree(group.group, source)
                    guard message.holdtime > 0 else { throw .zeroHoldtime }
                    try router.receiveJoin(
                        tree, from: sender, until: holdsUntil, on: interface, now: now, into: &actions)
                }
            }
            for source in group.pruned {
                attempt(on: interface.index) { router throws(PIMError) in
                    let tree = try Self.tree(group.group, source)
                    router.receivePrune(tree, from: sender, on: interface, now: now, into: &actions)
                }
            }
        }
    }

    private mutating func attempt(
        on index: InterfaceIndex, _ entry: (inout PIMRouter) throws(PIMError) -> Void
    ) {
        do throws(PIMError) { try entry(&self) } catch { interfaces[index]?.counters.refuse(error) }
    }

    static func tree(_ group: EncodedGroup, _ source: EncodedSource) throws(PIMError) -> SourceGroup {
        SourceGroup(source: try source.source(), group: try group.group())
    }

    /// "Until pruned" is held for the longest time a number could have asked for: a neighbour that never comes back
    /// must not keep a tree for ever (RFC 7761 §4.9.5 leaves this to local policy).
    private static func end(ofHoldtime holdtime: UInt16, from now: Instant) -> Instant {
        now + .seconds(Int64(min(holdtime, JoinPrune.holdtimeForever - 1)))
    }

    private mutating func receiveJoin(
        _ tree: SourceGroup, from sender: IPAddress, until holdsUntil: Instant, on interface: PIMInterface,
        now: Instant, into actions: inout [PIMAction]
    ) throws(PIMError) {
        let index = interface.index
        if !downstream[tree, index].isJoined {
            guard interfaces[index]?.entryCount ?? 0 < interface.configuration.maxEntries else { throw .tooManyEntries }
            guard downstream.count < maximumEntries else { throw .tooManyEntriesOverall }
        }
        let departed = departedJoiner(of: tree, for: sender, on: interface)
        stepDownstream(tree, on: index, into: &actions) { machine in
            if let departed { machine.forget(departed) }
            machine.receiveJoin(from: sender, holdsUntil: holdsUntil, now: now)
        }
    }

    /// At most `maxNeighbors` joiners are on record per entry. The sender is a neighbour, so a full record names one who
    /// is a neighbour no longer.
    private func departedJoiner(of tree: SourceGroup, for sender: IPAddress, on interface: PIMInterface) -> IPAddress? {
        let joiners = downstream[tree, interface.index].neighbors
        guard joiners.count >= interface.configuration.maxNeighbors,
            !joiners.contains(where: { $0.address == sender })
        else { return nil }
        return joiners.first { interface.neighbors[$0.address] == nil }?.address
    }

    private mutating func receivePrune(
        _ tree: SourceGroup, from sender: IPAddress, on interface: PIMInterface, now: Instant,
        into actions: inout [PIMAction]
    ) {
        let delay =
            interface.neighbors.count > 1
            ? interface.neighbors.prunePendingInterval(own: interface.configuration) : .zero
        stepDownstream(tree, on: interface.index, into: &actions) {
            $0.receivePrune(from: sender, overrideDelay: delay, now: now)
        }
    }

    mutating func prunePendingTimerExpired(
        _ tree: SourceGroup, on index: InterfaceIndex, into actions: inout [PIMAction]
    ) {
        var hasEnded = false
        stepDownstream(tree, on: index, into: &actions) { hasEnded = $0.prunePendingTimerExpired() }
        guard hasEnded, let interface = interfaces[index], interface.neighbors.count > 1 else { return }
        // PruneEcho: whoever missed the prune and still wants the tree gets a second chance to object.
        outbox.add(.prune, tree, to: .init(interface: index, upstreamNeighbor: .v4(interface.address)))
    }

    mutating func removeDownstream(_ tree: SourceGroup, on index: InterfaceIndex, into actions: inout [PIMAction]) {
        stepDownstream(tree, on: index, into: &actions) { $0 = DownstreamMachine() }
    }

    /// Runs one step of a machine and brings timers, counts and the layer above in line with what came of it.
    mutating func stepDownstream(
        _ tree: SourceGroup, on index: InterfaceIndex, into actions: inout [PIMAction],
        _ step: (inout DownstreamMachine) -> Void
    ) {
        let before = downstream[tree, index]
        var machine = before
        step(&machine)
        guard machine != before else { return }
        downstream[tree, index] = machine
        setTimers(of: machine, tree, index)
        guard machine.isJoined != before.isJoined else { return }
        interfaces[index]?.entryCount += machine.isJoined ? 1 : -1
        actions.append(.downstreamChanged(tree, index))
    }

    private mutating func setTimers(of machine: DownstreamMachine, _ tree: SourceGroup, _ index: InterfaceIndex) {
        switch machine.state {
        case .noInfo:
            timers.cancel(.expiry(tree, index))
            timers.cancel(.prunePending(tree, index))
        case .join:
            timers.set(.expiry(tree, index), at: machine.expires)
            timers.cancel(.prunePending(tree, index))
        case .prunePending(let until):
            timers.set(.prunePending(tree, index), at: until)
        }
    }
}
