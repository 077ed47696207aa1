import Clockwork
import ControlProtocol
import PIM
import Wire

extension RouterEngine {
    /// Where packets of a tree come from.
    struct Origin: Sendable, Equatable {
        var interface: InterfaceIndex
        var neighbor: IPAddress?
        var isLocal: Bool
        /// The route is not known yet: this is what the entry found at the start says.
        var isAdopted = false
    }

    // MARK: Life of a tree

    /// Makes sure that the tree is known; false where the table is full.
    mutating func ensure(
        _ tree: SourceGroup, at time: RouterTime, into actions: inout [RouterAction]
    ) -> Bool {
        guard trees[tree] == nil else { return true }
        guard trees.count < configuration.limits.trees else {
            counters.treeLimit &+= 1
            if overflow.count < configuration.limits.trees {
                overflow.insert(tree)
            } else {
                isOverflowIncomplete = true
            }
            return false
        }
        trees[tree] = TreeState(since: time.now)
        overflow.remove(tree)
        routes.follow(tree)
        actions.append(.event(.treeAdded(tree)))
        return true
    }

    /// One more admitted member on the port, who is in the table of members already; false where the tree is refused.
    mutating func admitMember(
        of tree: SourceGroup, on port: OutputPort, at time: RouterTime, into actions: inout [RouterAction]
    ) -> Bool {
        if trees[tree] != nil {
            trees[tree]?.addMember(on: port)
            return true
        }
        // Others may have been admitted while there was no room for the tree.
        let mayHaveMembers = overflow.contains(tree) || isOverflowIncomplete
        guard ensure(tree, at: time, into: &actions) else { return false }
        if mayHaveMembers { countMembers(of: tree) } else { trees[tree]?.addMember(on: port) }
        return true
    }

    private mutating func countMembers(of tree: SourceGroup) {
        for port in members.ports(of: tree.group) {
            let count = admittedMembers(of: tree, on: port)
            trees[tree]?.setMembers(count, on: port)
        }
    }

    private func admittedMembers(of tree: SourceGroup, on port: OutputPort) -> Int {
        members.members(of: tree.group, on: port).count { $0.isAdmitted(to: tree) }
    }

    private mutating func forget(_ tree: SourceGroup, at time: RouterTime, into actions: inout [RouterAction]) {
        trees[tree] = nil
        routes.unfollow(tree)
        adoptions.cancel(tree)
        actions.append(.event(.treeRemoved(tree)))
        admitOverflow(at: time, into: &actions)
    }

    /// There is room for a tree that found none.
    private mutating func admitOverflow(at time: RouterTime, into actions: inout [RouterAction]) {
        guard let next = overflow.min() else { return }
        overflow.remove(next)
        let isWanted =
            members.ports(of: next.group).contains { admittedMembers(of: next, on: $0) > 0 }
            || !pim.downstreamInterfaces(of: next).isEmpty || admission.unicastMembers.admittedCount(of: next) > 0
        guard isWanted, ensure(next, at: time, into: &actions) else { return }
        countMembers(of: next)
        dirtyTrees.insert(next)
    }

    // MARK: From members to the entry

    /// Works out what follows from the tree's outputs and its route: the entry, the join upstream, the demand.
    mutating func settle(_ tree: SourceGroup, at time: RouterTime, into actions: inout [RouterAction]) {
        let candidates = outputCandidates(of: tree)
        let origin = candidates.isEmpty ? nil : findOrigin(of: tree, into: &actions)
        let outgoing = origin.map { origin in
            candidates.filter { $0 != origin.interface && interfaces.canForward($0) }
        }
        var entry: ForwardingEntry?
        if let origin, let outgoing, !outgoing.isEmpty, interfaces.canForward(origin.interface) {
            entry = ForwardingEntry(tree: tree, incoming: origin.interface, outgoing: outgoing)
        }
        plan.want(entry, for: tree)
        join(tree, towards: entry == nil ? nil : origin, at: time, into: &actions)
        reportDemand(for: tree, into: &actions)
        // Unicast members keep a tree whose delivery interface is still to come.
        if candidates.isEmpty, trees[tree] != nil, admission.unicastMembers.admittedCount(of: tree) == 0 {
            forget(tree, at: time, into: &actions)
        }
    }

    /// The interfaces somebody wants the tree on, sorted.
    func outputCandidates(of tree: SourceGroup) -> [InterfaceIndex] {
        guard let state = trees[tree] else { return [] }
        var candidates = pim.downstreamInterfaces(of: tree)
        for port in state.hostPorts.keys { candidates.append(port.interface) }
        candidates += state.adopted.keys
        if let delivery = interfaces.delivery, admission.unicastMembers.admittedCount(of: tree) > 0 {
            candidates.append(delivery)
        }
        guard candidates.count > 1 else { return candidates }
        candidates.sort()
        var distinct: [InterfaceIndex] = []
        distinct.reserveCapacity(candidates.count)
        for candidate in candidates where distinct.last != candidate { distinct.append(candidate) }
        return distinct
    }

    /// Where the source is, as far as it is known; asks where it is not.
    private mutating func findOrigin(of tree: SourceGroup, into actions: inout [RouterAction]) -> Origin? {
        guard let source = tree.source else { return nil }
        if interfaces.owner(of: source) == nil, routes.needsAsking(source) {
            actions.append(.resolveRoute(source: source))
        }
        return origin(of: tree)
    }

    func origin(of tree: SourceGroup) -> Origin? {
        guard let source = tree.source else { return nil }
        if let index = interfaces.owner(of: source) {
            return Origin(interface: index, neighbor: nil, isLocal: true)
        }
        switch routes[source] {
        case .route(let route):
            return Origin(interface: route.interface, neighbor: route.neighbor, isLocal: route.isLocal)
        case .unreachable: return nil
        case .asked, nil:
            return trees[tree]?.adoptedIncoming.map {
                Origin(interface: $0, neighbor: nil, isLocal: false, isAdopted: true)
            }
        }
    }

    /// Joins towards the source, or prunes where nobody wants the tree.
    private mutating func join(
        _ tree: SourceGroup, towards origin: Origin?, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        var out: [PIMAction] = []
        if let origin, !origin.isLocal {
            // A route that is only assumed joins nobody yet.
            if origin.isAdopted { return }
            pim.setUpstream(
                tree, interface: origin.interface, neighbor: origin.neighbor, now: time.now, into: &out)
        } else {
            pim.setUpstream(tree, interface: nil, neighbor: nil, now: time.now, into: &out)
        }
        perform(out, at: time, into: &actions)
    }

    mutating func noteRoute(of source: IPAddress, _ route: RPFRoute?) {
        guard routes.set(source, route) else { return }
        dirtyTrees.formUnion(routes.followers(of: source))
    }

    // MARK: Demand

    /// How many ask for the tree: ports with an admitted member, and interfaces with a downstream router, with unicast
    /// members or with an output that was found at the start.
    func demand(for tree: SourceGroup) -> Int {
        guard let state = trees[tree] else { return 0 }
        let incoming = origin(of: tree)?.interface
        let hostInterfaces = Set(state.hostPorts.keys.map(\.interface))
        let ports = state.hostPorts.keys.count { $0.interface != incoming && interfaces.canForward($0.interface) }
        let others = outputCandidates(of: tree).count {
            !hostInterfaces.contains($0) && $0 != incoming && interfaces.canForward($0)
        }
        return ports + others
    }

    private mutating func reportDemand(for tree: SourceGroup, into actions: inout [RouterAction]) {
        guard owners.hasLocalTrees, let state = trees[tree] else { return }
        let demand = demand(for: tree)
        guard state.reportedDemand != demand else { return }
        trees[tree]?.reportedDemand = demand
        for owner in owners.connectedSenders(of: tree) {
            actions.append(.demand(owner: owner, [TreeDemand(tree: tree, outputPorts: demand)]))
        }
    }
}
