import Clockwork
import ControlProtocol
import PIM
import Wire

extension RouterEngine {
    package func routesDocument(at time: RouterTime) -> RoutesDocument {
        let all = Set(trees.keys).union(plan.trees.filter { plan[$0]?.target != nil || plan[$0]?.installed != nil })
        return RoutesDocument(routes: all.sorted().compactMap { routeEntry($0, at: time) })
    }

    private func routeEntry(_ tree: SourceGroup, at time: RouterTime) -> RouteEntry? {
        guard let source = tree.source else { return nil }
        let slot = plan[tree]
        let origin = origin(of: tree)
        let incoming = slot?.target?.incoming ?? origin?.interface ?? slot?.installed?.incoming
        return RouteEntry(
            source: source, group: tree.group, origin: originName(tree, slot),
            incomingInterface: incoming.map(interfaces.name(of:)), rpfNeighbor: origin?.neighbor,
            upstreamState: upstream(of: tree).rawValue, outgoingInterfaces: routeOutputs(tree),
            installed: slot?.isSettled == true && slot?.installed != nil, problem: slot?.problem,
            upTime: slot?.since.map { (time.now - $0).seconds }, packets: slot?.counters?.packets,
            bytes: slot?.counters?.bytes, wrongInterfacePackets: slot?.counters?.wrongInterface)
    }

    private func originName(_ tree: SourceGroup, _ slot: ForwardingSlot?) -> String {
        guard let state = trees[tree] else { return slot?.blocked == nil ? "foreign" : "blocked" }
        let isWanted =
            !state.hostPorts.isEmpty || !pim.downstreamInterfaces(of: tree).isEmpty
            || admission.unicastMembers.admittedCount(of: tree) > 0
        return isWanted ? "wanted" : "adopted"
    }

    private func routeOutputs(_ tree: SourceGroup) -> [RouteOutput] {
        let incoming = origin(of: tree)?.interface
        let installed = plan[tree]?.installed?.outgoing ?? []
        let joined = pim.downstreamInterfaces(of: tree)
        return Set(outputCandidates(of: tree)).union(installed).sorted().map { index in
            let ports = (trees[tree]?.ports ?? []).filter { $0.interface == index }
            var origins: [String] = []
            if !ports.isEmpty { origins.append("igmp") }
            if joined.contains(index) { origins.append("pim") }
            if index == interfaces.delivery, admission.unicastMembers.admittedCount(of: tree) > 0 {
                origins.append("unicast")
            }
            if trees[tree]?.adopted[index] != nil { origins.append("adopted") }
            return RouteOutput(
                interface: interfaces.name(of: index),
                bridgePorts: ports.compactMap(\.bridgePort).map(interfaces.name(of:)), origins: origins,
                installed: installed.contains(index), problem: outputProblem(index, incoming: incoming))
        }
    }

    private func outputProblem(_ index: InterfaceIndex, incoming: InterfaceIndex?) -> String? {
        if index == incoming { return "incoming-interface" }
        guard let interface = interfaces.routed[index] else { return "not-configured" }
        if let problem = interface.problem { return problem }
        return interface.isRunning ? nil : "interface-down"
    }

    // MARK: Upstream

    /// How it stands with packets coming in for a tree.
    enum UpstreamStanding: String {
        case local
        case connected
        case joined
        case resolving
        case noRoute = "no-route"
        case noNeighbor = "no-neighbor"
        case notConfigured = "interface-not-configured"
        case notJoined = "not-joined"
    }

    func upstream(of tree: SourceGroup) -> UpstreamStanding {
        guard let origin = origin(of: tree), !origin.isAdopted else {
            guard let source = tree.source else { return .noRoute }
            return routes[source] == .unreachable ? .noRoute : .resolving
        }
        if origin.isLocal { return .local }
        guard interfaces.routed[origin.interface] != nil else { return .notConfigured }
        switch pim.upstreamState(of: tree)?.state {
        case .joined: return .joined
        case .directlyConnected: return .connected
        case .awaitingNeighbor: return .noNeighbor
        case nil: return .notJoined
        }
    }
}
