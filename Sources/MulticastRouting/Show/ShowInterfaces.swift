import Clockwork
import ControlProtocol
import GroupMembership
import PIM
import Wire

extension RouterEngine {
    /// Numbers of virtual interfaces are the shell's to fill in.
    package func interfacesDocument(at time: RouterTime) -> InterfacesDocument {
        InterfacesDocument(
            interfaces: configuration.interfaces.sorted { $0.name < $1.name }.map(interfaceEntry))
    }

    private func interfaceEntry(_ configured: RoutedInterfaceConfiguration) -> InterfaceEntry {
        let index = interfaces.index(named: configured.name)
        let link = index.flatMap { interfaces.links[$0] }
        let interface = index.flatMap { interfaces.routed[$0] }
        let membership = interface?.membership
        let isQuerying = membership?.isRunning == true
        let memberships = membership?.allMemberships() ?? []
        var protocols: [String] = []
        if configured.igmp != nil { protocols.append("igmp") }
        if configured.pim != nil { protocols.append("pim") }
        return InterfaceEntry(
            name: configured.name, index: index?.rawValue,
            operStatus: link.map { $0.isUp ? "up" : "down" } ?? "absent",
            addresses: link?.addresses.map(\.address) ?? [], protocols: protocols,
            admission: configured.igmp == nil ? nil : configured.admission.rawValue, vif: nil,
            problem: problem(link, interface), querier: isQuerying ? membership?.querierAddress : nil,
            isQuerier: isQuerying ? membership?.isQuerier : nil,
            designatedRouter: index.flatMap { pim.designatedRouter(on: $0) },
            neighbors: pim.neighbors.count { $0.interface == index }, groups: membership?.groups.count ?? 0,
            hosts: Set(memberships.map(\.host)).count, counters: index.map(interfaceCounters) ?? [])
    }

    private func problem(_ link: InterfaceState?, _ interface: RoutedInterface?) -> String? {
        if let problem = interface?.problem { return problem }
        guard let link, link.isUp, link.primaryAddress == nil else { return nil }
        return "no-ipv4-address"
    }

    package func neighborsDocument(at time: RouterTime) -> NeighborsDocument {
        let entries = pim.neighbors.map { neighbor in
            NeighborEntry(
                interface: interfaces.name(of: neighbor.interface), address: neighbor.address,
                secondaryAddresses: neighbor.secondaryAddresses, upTime: neighbor.uptime(at: time.now).seconds,
                expiration: neighbor.expires.map { max(($0 - time.now).seconds, 0) },
                drPriority: neighbor.drPriority, genId: neighbor.generationID, isDesignatedRouter: neighbor.isDR)
        }
        return NeighborsDocument(
            neighbors: entries.sorted { ($0.interface, $0.address) < ($1.interface, $1.address) })
    }

    // MARK: Counters

    package func countersDocument() -> CountersDocument {
        CountersDocument(
            router: routerCounters(),
            interfaces: configuration.interfaces.map(\.name).sorted().compactMap { name in
                interfaces.index(named: name).map {
                    InterfaceCounters(name: name, counters: interfaceCounters($0))
                }
            })
    }

    private func routerCounters() -> [NamedCount] {
        var list = [
            NamedCount(name: "members-admitted", count: counters.admitted),
            NamedCount(name: "stray-packets", count: counters.strayPackets),
            NamedCount(name: "upcalls-without-entry", count: counters.upcallsWithoutEntry),
            NamedCount(name: "upcalls-on-wrong-interface", count: counters.upcallsOnWrongInterface),
            NamedCount(name: "upcalls-ignored", count: counters.upcallsIgnored),
            NamedCount(name: "entry-batches", count: plan.counters.batches),
            NamedCount(name: "entry-changes", count: plan.counters.changes),
            NamedCount(name: "entry-failures", count: plan.counters.failures),
            NamedCount(name: "entry-disturbances", count: plan.counters.disturbances),
            NamedCount(name: "blocked-streams-limit", count: plan.counters.blockLimit),
            NamedCount(name: "trees-limit", count: counters.treeLimit),
            NamedCount(name: "unicast-members-limit", count: admission.unicastMembers.limitReached),
            NamedCount(name: "refused-memberships-limit", count: counters.refusedMembershipLimit),
            NamedCount(name: RoutedInterface.tooManyInterfaces, count: counters.virtualInterfaceLimit),
            NamedCount(name: "sources-per-group-limit", count: admission.sources.refused),
            NamedCount(name: "feed-problems", count: counters.feedProblems),
            NamedCount(name: "feed-items-invalid", count: admission.invalidItems),
            NamedCount(name: "clock-steps", count: counters.clockSteps),
            NamedCount(name: "pim-packets-on-unknown-interface", count: pim.unknownInterfacePackets),
        ]
        for reason in RefusalReason.allCases {
            list.append(NamedCount(name: "refused-\(reason.rawValue)", count: counters[reason]))
        }
        return list
    }

    func interfaceCounters(_ index: InterfaceIndex) -> [NamedCount] {
        var list: [NamedCount] = []
        if let igmp = interfaces.routed[index]?.membership?.counters { list += Self.list(igmp) }
        if let pim = pim.counters(on: index) { list += Self.list(pim) }
        return list
    }

    private static func list(_ counters: MembershipCounters) -> [NamedCount] {
        var list = [
            NamedCount(name: "igmp-queries-received", count: counters.queriesReceived),
            NamedCount(name: "igmp-v1-reports-received", count: counters.v1ReportsReceived),
            NamedCount(name: "igmp-v2-reports-received", count: counters.v2ReportsReceived),
            NamedCount(name: "igmp-v3-reports-received", count: counters.v3ReportsReceived),
            NamedCount(name: "igmp-leaves-received", count: counters.leavesReceived),
            NamedCount(name: "igmp-general-queries-sent", count: counters.generalQueriesSent),
            NamedCount(name: "igmp-group-queries-sent", count: counters.groupQueriesSent),
            NamedCount(name: "igmp-group-and-source-queries-sent", count: counters.groupAndSourceQueriesSent),
        ]
        for reason in IGMPError.allCases where counters[reason] > 0 {
            list.append(NamedCount(name: "igmp-refused-\(reason)", count: counters[reason]))
        }
        for limit in MembershipLimit.allCases where counters[limit] > 0 {
            list.append(NamedCount(name: "igmp-limit-\(limit)", count: counters[limit]))
        }
        return list
    }

    private static func list(_ counters: PIMCounters) -> [NamedCount] {
        var list = [
            NamedCount(name: "pim-hellos-received", count: counters.hellosReceived),
            NamedCount(name: "pim-hellos-sent", count: counters.hellosSent),
            NamedCount(name: "pim-join-prunes-received", count: counters.joinPrunesReceived),
            NamedCount(name: "pim-join-prunes-sent", count: counters.joinPrunesSent),
            NamedCount(name: "pim-asserts-received", count: counters.assertsReceived),
        ]
        for (reason, count) in counters.refusals {
            list.append(NamedCount(name: "pim-refused-\(reason.reason)", count: count))
        }
        return list
    }
}
