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
            case .changed(let group, let port):
                judge(group, on: port, at: time, into: &actions)
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
                guard members.members(of: group, on: port).contains(where: { $0.host == address }) else { continue }
                judge(group, on: port, at: time, into: &actions)
            }
        }
    }

    private mutating func judge(
        _ group: IPAddress, on port: OutputPort, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        let old = members.members(of: group, on: port)
        let new = judgedMembers(of: group, on: port, at: time, into: &actions)
        guard old != new else { return }
        members.set(new, of: group, on: port)
        tell(old, new, on: port, into: &actions)
        countMembers(old, new, on: port, at: time, into: &actions)
        evict(new, notIn: old, group, on: port, at: time, into: &actions)
    }

    private mutating func judgedMembers(
        of group: IPAddress, on port: OutputPort, at time: RouterTime, into actions: inout [RouterAction]
    ) -> [JudgedMember] {
        guard let interface = interfaces.routed[port.interface], let membership = interface.membership else {
            return []
        }
        let place = place(of: port, on: interface)
        return membership.memberships(of: group).filter { $0.port == port }.map { member in
            let verdicts = requestedTrees(of: member).map { tree in
                let verdict = admission.verdict(host: member.host, place: place, tree: tree, at: time.wall)
                if !verdict.isAdmitted { askForMAC(of: member.host, place, tree, into: &actions) }
                return JudgedMember.JudgedTree(tree: tree, verdict: verdict)
            }
            return JudgedMember(host: member.host, verdicts: verdicts)
        }
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
        _ old: [JudgedMember], _ new: [JudgedMember], on port: OutputPort, into actions: inout [RouterAction]
    ) {
        var before: [IPAddress: JudgedMember] = [:]
        for member in old { before[member.host] = member }
        for member in new {
            let known = before.removeValue(forKey: member.host)
            tell(known, member, HostOnPort(host: member.host, port: port), into: &actions)
        }
        for member in old where before[member.host] != nil {
            for judged in member.verdicts where judged.verdict.isAdmitted {
                actions.append(.event(.memberLeft(HostOnPort(host: member.host, port: port), judged.tree)))
            }
        }
    }

    private mutating func tell(
        _ old: JudgedMember?, _ new: JudgedMember, _ host: HostOnPort, into actions: inout [RouterAction]
    ) {
        for judged in new.verdicts where old?.verdicts.contains(judged) != true {
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
            let isStillAdmitted = new.verdicts.contains { $0.tree == judged.tree && $0.verdict.isAdmitted }
            if !isStillAdmitted { actions.append(.event(.memberLeft(host, judged.tree))) }
        }
    }

    private mutating func countMembers(
        _ old: [JudgedMember], _ new: [JudgedMember], on port: OutputPort, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        var counts: [SourceGroup: Int] = [:]
        for tree in old.flatMap(\.admittedTrees) { counts[tree] = 0 }
        for tree in new.flatMap(\.admittedTrees) { counts[tree, default: 0] += 1 }
        for tree in counts.keys.sorted() {
            guard let count = counts[tree], count == 0 || ensure(tree, at: time, into: &actions) else { continue }
            trees[tree]?.setMembers(count, on: port)
            dirtyTrees.insert(tree)
        }
    }

    /// Forgets new members that nothing was admitted to where the interface remembers as many as it may.
    private mutating func evict(
        _ new: [JudgedMember], notIn old: [JudgedMember], _ group: IPAddress, on port: OutputPort,
        at time: RouterTime, into actions: inout [RouterAction]
    ) {
        let limit = configuration.limits.refusedMembershipsPerInterface
        guard members.refused[port.interface, default: 0] > limit else { return }
        for member in new where member.isRefused && !old.contains(where: { $0.host == member.host }) {
            guard members.refused[port.interface, default: 0] > limit else { return }
            counters.refusedMembershipLimit &+= 1
            var out: [MembershipAction] = []
            interfaces.routed[port.interface]?.membership?.remove(host: member.host, group: group, into: &out)
            perform(out, on: port.interface, at: time, into: &actions)
        }
    }
}

extension JudgedMember {
    fileprivate var admittedTrees: [SourceGroup] { verdicts.filter(\.verdict.isAdmitted).map(\.tree) }
}
