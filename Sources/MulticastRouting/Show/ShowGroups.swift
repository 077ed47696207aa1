import Clockwork
import ControlProtocol
import GroupMembership
import PIM
import Wire

extension RouterEngine {
    package func groupsDocument(at time: RouterTime) -> GroupsDocument {
        var ports: [SourceGroup: [GroupPort]] = [:]
        for index in interfaces.routedIndices {
            guard let interface = interfaces.routed[index], let membership = interface.membership else { continue }
            for group in membership.groups {
                collect(membership.memberships(of: group), on: interface, at: time, into: &ports)
            }
        }
        for state in pim.downstreamStates() {
            ports[state.tree, default: []].append(groupPort(state, at: time))
        }
        collectUnicastMembers(at: time, into: &ports)
        for tree in trees.keys.sorted() {
            for index in trees[tree]?.adoptedInterfaces ?? [] {
                ports[tree, default: []].append(adoptedPort(tree, index, at: time))
            }
        }
        return GroupsDocument(
            groups: ports.keys.sorted().map { tree in
                let counters = plan[tree]?.counters
                return GroupEntry(
                    source: tree.source, group: tree.group, ports: ports[tree] ?? [], packets: counters?.packets,
                    bytes: counters?.bytes)
            })
    }

    private func collect(
        _ memberships: [HostMembership], on interface: RoutedInterface, at time: RouterTime,
        into ports: inout [SourceGroup: [GroupPort]]
    ) {
        var hosts: [SourceGroup: [OutputPort: [(HostMembership, GroupHost)]]] = [:]
        for member in memberships {
            let place = place(of: member.port, on: interface)
            for tree in requestedTrees(of: member) {
                let verdict = admission.verdict(host: member.host, place: place, tree: tree, at: time.wall)
                hosts[tree, default: [:]][member.port, default: []].append(
                    (member, groupHost(member, verdict, at: time)))
            }
        }
        for (tree, byPort) in hosts {
            for port in byPort.keys.sorted() {
                guard let members = byPort[port] else { continue }
                ports[tree, default: []].append(groupPort(tree, port, members, at: time))
            }
        }
    }

    private func groupHost(
        _ member: HostMembership, _ verdict: AdmissionVerdict, at time: RouterTime
    ) -> GroupHost {
        GroupHost(
            hostAddress: member.host, subscriber: verdict.subscriber, version: member.version.name,
            filterMode: member.filterMode.name, sources: member.sources, upTime: (time.now - member.since).seconds,
            lastReport: (time.now - member.lastReport).seconds, expire: max((member.expires - time.now).seconds, 0),
            leaving: member.isLeaving, verdict: verdict.isAdmitted ? "admitted" : "refused", reason: verdict.reason)
    }

    private func groupPort(
        _ tree: SourceGroup, _ port: OutputPort, _ members: [(HostMembership, GroupHost)], at time: RouterTime
    ) -> GroupPort {
        let memberships = members.map(\.0)
        let last = memberships.max { ($0.lastReport, $0.host) < ($1.lastReport, $1.host) }
        return GroupPort(
            interface: interfaces.name(of: port.interface), bridgePort: port.bridgePort.map(interfaces.name(of:)),
            origin: "igmp",
            filterMode: (memberships.contains { $0.filterMode == .exclude } ? FilterMode.exclude : .include).name,
            version: memberships.map(\.version).min()?.name, upTime: members.map(\.1.upTime).max() ?? 0,
            expire: members.map(\.1.expire).max(), lastReporter: last?.host,
            forwarding: isForwarding(tree, to: port.interface), hosts: members.map(\.1))
    }

    private func groupPort(_ state: DownstreamState, at time: RouterTime) -> GroupPort {
        let expire = max((state.expires - time.now).seconds, 0)
        let since = trees[state.tree]?.since ?? time.now
        let hosts = state.neighbors.map { neighbor in
            GroupHost(
                hostAddress: neighbor.address, subscriber: nil, version: "pimv2", filterMode: FilterMode.include.name,
                sources: state.tree.source.map { [$0] } ?? [], upTime: (time.now - since).seconds, lastReport: 0,
                expire: max((neighbor.expires - time.now).seconds, 0), leaving: state.state == .prunePending,
                verdict: "admitted", reason: "downstream-router")
        }
        return GroupPort(
            interface: interfaces.name(of: state.interface), bridgePort: nil, origin: "pim", filterMode: nil,
            version: nil, upTime: (time.now - since).seconds, expire: expire,
            lastReporter: state.neighbors.last?.address, forwarding: isForwarding(state.tree, to: state.interface),
            hosts: hosts)
    }

    private func adoptedPort(_ tree: SourceGroup, _ index: InterfaceIndex, at time: RouterTime) -> GroupPort {
        let until = trees[tree]?.adopted[index]?.until
        return GroupPort(
            interface: interfaces.name(of: index), bridgePort: nil, origin: "adopted", filterMode: nil, version: nil,
            upTime: (time.now - startedAt).seconds, expire: until.map { max(($0 - time.now).seconds, 0) },
            lastReporter: nil, forwarding: isForwarding(tree, to: index), hosts: [])
    }

    func isForwarding(_ tree: SourceGroup, to index: InterfaceIndex) -> Bool {
        plan[tree]?.installed?.outgoing.contains(index) == true
    }
}

extension MembershipVersion {
    var name: String {
        switch self {
        case .v1: "igmpv1"
        case .v2: "igmpv2"
        case .v3: "igmpv3"
        }
    }
}

extension FilterMode {
    var name: String {
        switch self {
        case .include: "include"
        case .exclude: "exclude"
        }
    }
}
