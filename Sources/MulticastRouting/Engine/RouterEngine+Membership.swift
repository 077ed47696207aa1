import Clockwork
import GroupMembership
import PIM
import Wire

extension RouterEngine {
    // MARK: What the protocols ask for

    mutating func perform(
        _ out: [MembershipAction], on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        for action in out {
            switch action {
            case .send(let query, let destination):
                actions.append(.sendIGMP(message: query, interface: index, destination: destination))
            case .changed(let group, let port, let host):
                judge(host, of: group, on: port, at: time, into: &actions)
            case .querierChanged(let querier):
                actions.append(.event(.querierChanged(index, querier)))
            }
        }
    }

    mutating func perform(_ out: [PIMAction], at time: RouterTime, into actions: inout [RouterAction]) {
        for action in out {
            switch action {
            case .send(let message, let interface, let destination):
                actions.append(.sendPIM(message: message, interface: interface, destination: destination))
            case .neighborUp(let interface, let address):
                actions.append(.event(.neighborUp(interface, address)))
            case .neighborDown(let interface, let address):
                actions.append(.event(.neighborDown(interface, address)))
            case .downstreamChanged(let tree, let interface):
                noteDownstream(tree, on: interface, at: time, into: &actions)
            }
        }
    }

    private mutating func noteDownstream(
        _ tree: SourceGroup, on interface: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        if pim.isJoined(tree, on: interface) {
            guard ensure(tree, at: time, into: &actions) else { return }
        } else {
            // Who joined and pruned has said all there is to say.
            trees[tree]?.endAdoption(of: interface)
        }
        dirtyTrees.insert(tree)
    }

    // MARK: Judging members

    /// Judges every member of the group anew.
    mutating func judge(_ group: IPAddress, at time: RouterTime, into actions: inout [RouterAction]) {
        for port in members.ports(of: group) { judge(group, on: port, at: time, into: &actions) }
    }

    /// Judges those members of the group anew whom a change of authorizations concerns.
    mutating func judge(
        _ group: IPAddress, _ concerned: ConcernedHosts, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard case .some(let some) = concerned else { return judge(group, at: time, into: &actions) }
        let hosts = some.sorted()
        for port in members.ports(of: group) {
            for host in hosts where members.member(host, of: group, on: port) != nil {
                judge(host, of: group, on: port, at: time, into: &actions)
            }
        }
    }

    mutating func judgeAll(on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]) {
        for group in members.allGroups {
            for port in members.ports(of: group) where port.interface == index {
                judge(group, on: port, at: time, into: &actions)
            }
        }
    }

    mutating func noteNeighbor(
        _ address: IPAddress, on index: InterfaceIndex, _ mac: MACAddress?, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        guard admission.neighbors.set(index, address, mac) else { return }
        for group in members.allGroups {
            for port in members.ports(of: group) where port.interface == index {
                guard members.member(address, of: group, on: port) != nil else { continue }
                judge(address, of: group, on: port, at: time, into: &actions)
            }
        }
    }

    private mutating func judge(
        _ group: IPAddress, on port: OutputPort, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        for member in members.members(of: group, on: port) {
            judge(member.host, of: group, on: port, at: time, into: &actions)
        }
    }

    private mutating func judge(
        _ host: IPAddress, of group: IPAddress, on port: OutputPort, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        let new = judgedMember(host, of: group, on: port, at: time, into: &actions)
        guard members.member(host, of: group, on: port) != new else { return }
        let old = members.set(new, of: host, group: group, on: port)
        tell(old, new, HostOnPort(host: host, port: port), into: &actions)
        countMember(old, new, on: port, at: time, into: &actions)
        if old == nil, new?.isRefused == true { limitRefused(host, of: group, on: port, at: time, into: &actions) }
    }

    /// Nil when the host is no member any more.
    private mutating func judgedMember(
        _ host: IPAddress, of group: IPAddress, on port: OutputPort, at time: RouterTime,
        into actions: inout [RouterAction]
    ) -> JudgedMember? {
        guard let interface = interfaces.routed[port.interface],
            let member = interface.membership?.membership(of: group, host: host, on: port)
        else { return nil }
        let place = place(of: port, on: interface)
        let verdicts = requestedTrees(of: member).map { tree in
            let verdict = admission.verdict(host: host, place: place, tree: tree, at: time.wall)
            if !verdict.isAdmitted { askForMAC(of: host, place, tree, into: &actions) }
            return JudgedMember.JudgedTree(tree: tree, verdict: verdict)
        }
        return JudgedMember(host: host, verdicts: verdicts)
    }

    func place(of port: OutputPort, on interface: RoutedInterface) -> Admission.Place {
        Admission.Place(
            mode: interface.configuration.admission, interface: port.interface,
            interfaceName: interface.configuration.name,
            bridgePortName: port.bridgePort.map { interfaces.name(of: $0) })
    }

    /// The trees a membership is for. A host that names no source gets those that its group is known to have: SSM
    /// mapping for IGMPv1 and IGMPv2, and for EXCLUDE mode; (*,G) itself where none is known.
    func requestedTrees(of member: HostMembership) -> [SourceGroup] {
        let sources =
            member.filterMode == .include
            ? member.sources : admission.sources[member.group].filter { member.wants($0) }
        guard !sources.isEmpty else { return [SourceGroup(source: nil, group: member.group)] }
        return sources.map { SourceGroup(source: $0, group: member.group) }
    }

    private mutating func askForMAC(
        of host: IPAddress, _ place: Admission.Place, _ tree: SourceGroup, into actions: inout [RouterAction]
    ) {
        guard admission.wantsMAC(for: tree), admission.neighbors.needsAsking(place.interface, host) else { return }
        actions.append(.resolveNeighbor(place.interface, host))
    }

    // MARK: What follows from a verdict

    private mutating func tell(
        _ old: JudgedMember?, _ new: JudgedMember?, _ host: HostOnPort, into actions: inout [RouterAction]
    ) {
        for judged in new?.verdicts ?? [] where old?.verdicts.contains(judged) != true {
            switch judged.verdict {
            case .admitted(let reason, let subscriber):
                counters.admitted &+= 1
                actions.append(.event(.memberAdmitted(host, judged.tree, subscriber: subscriber, reason)))
            case .refused(let reason):
                counters.count(reason)
                actions.append(.event(.memberRefused(host, judged.tree, reason)))
            }
        }
        for judged in old?.verdicts ?? [] where judged.verdict.isAdmitted {
            if new?.isAdmitted(to: judged.tree) != true { actions.append(.event(.memberLeft(host, judged.tree))) }
        }
    }

    private mutating func countMember(
        _ old: JudgedMember?, _ new: JudgedMember?, on port: OutputPort, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        for judged in old?.verdicts ?? [] where judged.verdict.isAdmitted && new?.isAdmitted(to: judged.tree) != true {
            trees[judged.tree]?.removeMember(on: port)
            dirtyTrees.insert(judged.tree)
        }
        for judged in new?.verdicts ?? [] where judged.verdict.isAdmitted && old?.isAdmitted(to: judged.tree) != true {
            guard admitMember(of: judged.tree, on: port, at: time, into: &actions) else { continue }
            dirtyTrees.insert(judged.tree)
        }
    }

    /// Forgets a new member that nothing was admitted to where the interface remembers as many as it may.
    private mutating func limitRefused(
        _ host: IPAddress, of group: IPAddress, on port: OutputPort, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        let limit = configuration.limits.refusedMembershipsPerInterface
        guard members.refused[port.interface, default: 0] > limit else { return }
        counters.refusedMembershipLimit &+= 1
        var out: [MembershipAction] = []
        interfaces.routed[port.interface]?.membership?.remove(host: host, group: group, port: port, into: &out)
        perform(out, on: port.interface, at: time, into: &actions)
    }
}

extension JudgedMember {
    func isAdmitted(to tree: SourceGroup) -> Bool { verdicts.contains { $0.tree == tree && $0.verdict.isAdmitted } }
}
