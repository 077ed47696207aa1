import Clockwork
import GroupMembership
import PIM
import Wire

extension RouterEngine {
    // MARK: Start

    /// Takes over what an earlier life left in the kernel: it goes on forwarding while hosts and routers say again what
    /// they want, each output for as long as that can take.
    mutating func start(
        with state: KernelForwardingState, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard !hasStarted else { return }
        hasStarted = true
        for index in state.virtualInterfaces.sorted() {
            if interfaces.routed[index] != nil {
                interfaces.routed[index]?.virtualInterface = .ready
            } else {
                interfaces.retire(index)
            }
        }
        for tree in state.entries.keys.sorted() {
            guard let entry = state.entries[tree] else { continue }
            plan.adopt(entry, for: tree, now: time.now)
            adoptOutputs(of: tree, entry, at: time, into: &actions)
        }
        dirtyTrees.formUnion(trees.keys)
    }

    private mutating func adoptOutputs(
        of tree: SourceGroup, _ entry: KernelEntry, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard tree.source != nil else { return }
        for index in entry.outgoing {
            guard let grace = adoptionGrace(on: index), ensure(tree, at: time, into: &actions) else { continue }
            trees[tree]?.adopt(index, .init(until: time.now + grace))
            trees[tree]?.adoptedIncoming = entry.incoming
        }
        scheduleAdoptionEnd(of: tree)
        reconsiderAdoption(of: tree, at: time)
    }

    /// How long members behind an interface may take to be heard again; nil where there can be none.
    private func adoptionGrace(on index: InterfaceIndex) -> Duration? {
        guard let interface = interfaces.routed[index], interface.isRunning else { return nil }
        let igmp = interface.configuration.igmp.map { $0.queryMaxResponseTime + configuration.adoption.igmpMargin }
        let pim = interface.configuration.pim.map(\.joinPruneHoldtime)
        // Their owners tell of unicast members by themselves, in their snapshot.
        if interface.configuration.isDelivery { return configuration.adoption.ownerWait }
        guard let igmp, let pim else { return igmp ?? pim }
        return max(igmp, pim)
    }

    // MARK: End

    private mutating func scheduleAdoptionEnd(of tree: SourceGroup) {
        if let end = trees[tree]?.nextAdoptionEnd {
            adoptions.set(tree, at: end)
        } else {
            adoptions.cancel(tree)
        }
    }

    mutating func tickAdoptions(at time: RouterTime) {
        while let tree = adoptions.popDue(at: time.now) {
            for index in trees[tree]?.adoptedInterfaces ?? [] {
                guard let output = trees[tree]?.adopted[index], output.until <= time.now else { continue }
                let patience = startedAt + configuration.adoption.ownerWait
                if awaitsOwners(index), time.now < patience {
                    trees[tree]?.adopt(index, .init(until: patience, awaitsOwners: true))
                } else {
                    trees[tree]?.endAdoption(of: index)
                }
            }
            dirtyTrees.insert(tree)
            scheduleAdoptionEnd(of: tree)
        }
    }

    mutating func endAdoptions(on index: InterfaceIndex) {
        for tree in trees.keys.sorted() where trees[tree]?.adopted[index] != nil {
            trees[tree]?.endAdoption(of: index)
            dirtyTrees.insert(tree)
            scheduleAdoptionEnd(of: tree)
        }
    }

    // MARK: Decided early

    private var haveOwnersSpoken: Bool {
        configuration.adoption.owners.allSatisfy { owners[$0]?.hasSentSnapshot == true }
    }

    /// Whether members on this interface can only be admitted by owners that have not spoken yet.
    private func awaitsOwners(_ index: InterfaceIndex) -> Bool {
        !haveOwnersSpoken && interfaces.routed[index]?.configuration.admission == .authorized
    }

    mutating func reconsiderAdoptions(at time: RouterTime) {
        guard !adoptions.isEmpty else { return }
        for tree in trees.keys.sorted() { reconsiderAdoption(of: tree, at: time) }
    }

    mutating func reconsiderAdoptions(of group: IPAddress, at time: RouterTime) {
        guard !adoptions.isEmpty else { return }
        for tree in trees.keys.sorted() where tree.group == group { reconsiderAdoption(of: tree, at: time) }
    }

    /// Closes adopted outputs where it is certain that nobody behind them may have the tree: every owner has spoken, and
    /// no authorization could be for a host there; or its time was up and only the owners were waited for.
    private mutating func reconsiderAdoption(of tree: SourceGroup, at time: RouterTime) {
        guard haveOwnersSpoken, let state = trees[tree], !state.adopted.isEmpty else { return }
        for index in state.adoptedInterfaces {
            guard let interface = interfaces.routed[index], let output = state.adopted[index] else { continue }
            guard output.awaitsOwners || !mayHaveMembers(tree, on: interface, at: time) else { continue }
            trees[tree]?.endAdoption(of: index)
            dirtyTrees.insert(tree)
        }
        scheduleAdoptionEnd(of: tree)
    }

    private func mayHaveMembers(_ tree: SourceGroup, on interface: RoutedInterface, at time: RouterTime) -> Bool {
        let configured = interface.configuration
        // Nobody reports there: those that were announced hold the port by themselves.
        if configured.isDelivery { return false }
        return configured.pim != nil || configured.admission == .open || !admission.trustedDownstream.isEmpty
            || admission.mayAdmitAnyone(tree, interfaceName: configured.name, at: time.wall)
    }
}
