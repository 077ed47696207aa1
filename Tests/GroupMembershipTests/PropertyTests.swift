import Clockwork
import GroupMembership
import Testing
import Wire

/// Random hosts over virtual hours, each seed the same every time.
@Suite struct PropertyTests {
    // MARK: Against a model

    /// What one host was last heard to want: nothing but the RFC's intervals, no code shared with the core.
    private struct Model {
        struct Key: Hashable {
            let host: IPv4Address
            let port: UInt32
            let group: IPv4Address
        }

        static let membershipInterval = Duration.seconds(260)
        /// Any source until then.
        var wantsAll: [Key: Instant] = [:]
        /// These sources until then.
        var wants: [Key: [IPv4Address: Instant]] = [:]

        mutating func forget(at now: Instant) {
            wantsAll = wantsAll.filter { $0.value > now }
            wants = wants.mapValues { $0.filter { $0.value > now } }.filter { !$0.value.isEmpty }
        }

        /// Group, port, host and sources, the latter empty for all.
        var lines: Set<String> {
            Set(wantsAll.keys.map { "\($0.group) \($0.port) \($0.host) all" })
                .union(wants.map { "\($0.key.group) \($0.key.port) \($0.key.host) \($0.value.keys.sorted())" })
        }
    }

    /// Without hidden hosts a record exists just if its host's last report is younger than the membership interval
    /// and was no leave.
    @Test(arguments: UInt64(1)...25)
    func `where no host is hidden, memberships are what hosts last said`(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var link = Link(.with { $0.defaultPort.singleHost = true }, seed: seed)
        var model = Model()
        for step in 0..<300 {
            let number = UInt16.random(in: 1...6, using: &chance)
            let key = Model.Key(
                host: Link.host(number), port: UInt32.random(in: 1...2, using: &chance),
                group: IPv4Address(239, 0, 0, UInt8.random(in: 1...4, using: &chance)))
            let source = IPv4Address(198, 51, 100, UInt8.random(in: 1...3, using: &chance))
            let until = link.now + Model.membershipInterval
            let packet: [UInt8]
            // Each host speaks one dialect: versions 1 and 2, version 3 of any source, version 3 of listed sources.
            switch (number % 3, Int.random(in: 0..<4, using: &chance)) {
            case (0, 0):
                packet = IGMPHostMessage.v2Leave(key.group, from: key.host)
                model.wantsAll[key] = nil
            case (0, _):
                packet = IGMPHostMessage.v2Report(key.group, from: key.host)
                model.wantsAll[key] = until
            case (1, 0):
                packet = IGMPHostMessage.leave(key.group, from: key.host)
                model.wantsAll[key] = nil
            case (1, let choice):
                let type: MembershipRecordType = choice == 1 ? .modeIsExclude : .changeToExcludeMode
                packet = IGMPHostMessage.report([MembershipRecord(type, group: .v4(key.group))], from: key.host)
                model.wantsAll[key] = until
            case (_, 0):
                packet = IGMPHostMessage.leave(key.group, source: source, from: key.host)
                model.wants[key]?[source] = nil
            case (_, 1):
                packet = IGMPHostMessage.leave(key.group, from: key.host)
                model.wants[key] = nil
            case (_, let choice):
                let type: MembershipRecordType = choice == 2 ? .modeIsInclude : .allowNewSources
                packet = IGMPHostMessage.report(
                    [MembershipRecord(type, group: .v4(key.group), sources: [.v4(source)])], from: key.host)
                model.wants[key, default: [:]][source] = until
            }
            link.receive(packet, port: key.port)
            if Int.random(in: 0..<3, using: &chance) == 0 { link.pass(chance.duration(upTo: .seconds(90))) }
            model.forget(at: link.now)
            let lines = Set(
                link.core.allMemberships().map { membership in
                    let sources = membership.filterMode == .exclude ? "all" : "\(membership.sources)"
                    return
                        "\(membership.group) \(membership.port.bridgePort?.rawValue ?? 0) \(membership.host) \(sources)"
                })
            #expect(lines == model.lines, "seed \(seed), step \(step)")
            if lines != model.lines { return }
        }
        link.pass(.seconds(261))
        #expect(link.core.groups.isEmpty)
    }

    // MARK: By itself

    /// Everything at once: all versions, all record types, leaves by query, a rival querier, vanishing ports.
    @Test(arguments: UInt64(1)...25)
    func `whatever hosts do, changes are told, limits hold and everything ends`(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var link = Link(
            .with {
                $0.defaultPort.queryGuard = seed.isMultiple(of: 2)
                $0.explicitTracking = !seed.isMultiple(of: 3)
                $0.limits.maxGroups = 5
                $0.limits.maxGroupSources = 3
                $0.limits.maxHostsPerGroup = 6
                $0.limits.maxGroupsPerHost = 4
                $0.limits.maxMembershipsPerPort = 12
            }, seed: seed)
        var before = visible(link)
        for step in 0..<300 {
            let actions = act(&link, &chance)
            let after = visible(link)
            let told = Set(
                actions.compactMap { action -> String? in
                    guard case .changed(let group, let port, let host) = action else { return nil }
                    return "\(group) \(port) \(host)"
                })
            let changed = Set(Set(before.keys).union(after.keys).filter { before[$0] != after[$0] })
            #expect(told.isSuperset(of: changed), "seed \(seed), step \(step)")
            for place in told.subtracting(changed) {
                // Told although it looks as before: only what came and went within the step.
                #expect(actions.count > 1, "seed \(seed), step \(step), \(place)")
            }
            before = after
            #expect(broken(link) == [], "seed \(seed), step \(step)")
        }
        link.pass(.seconds(7 * 600 + 20))
        #expect(link.core.groups.isEmpty)
    }

    private func act(_ link: inout Link, _ chance: inout SeededGenerator) -> [MembershipAction] {
        let host = Link.host(UInt16.random(in: 1...8, using: &chance))
        let port = UInt32.random(in: 1...3, using: &chance)
        let group = IPv4Address(239, 0, 0, UInt8.random(in: 1...7, using: &chance))
        switch Int.random(in: 0..<16, using: &chance) {
        case 0: return link.receive(IGMPHostMessage.v1Report(group, from: host), port: port)
        case 1, 2: return link.receive(IGMPHostMessage.v2Report(group, from: host), port: port)
        case 3: return link.receive(IGMPHostMessage.v2Leave(group, from: host), port: port)
        case 4:
            let query = IGMPQuery(
                version: .v3, group: Bool.random(using: &chance) ? group : .unspecified,
                maxResponseTime: Int.random(in: 0...200, using: &chance),
                suppressesRouterSideProcessing: Bool.random(using: &chance),
                robustnessVariable: Int.random(in: 0...7, using: &chance),
                queryInterval: Int.random(in: 0...700, using: &chance))
            return link.receive(IGMPHostMessage.query(query, from: IPv4Address(10, 3, 0, 0)), port: port)
        case 5:
            var actions: [MembershipAction] = []
            link.core.remove(bridgePort: InterfaceIndex(port), into: &actions)
            return actions
        case 6, 7, 8:
            return link.pass(chance.duration(upTo: .seconds(30))).map(\.action)
        default:
            let records = (0..<Int.random(in: 1...3, using: &chance)).map { _ in
                MembershipRecord(
                    MembershipRecordType.allCases.randomElement(using: &chance) ?? .modeIsInclude,
                    group: .v4(IPv4Address(239, 0, 0, UInt8.random(in: 1...7, using: &chance))),
                    sources: (0..<Int.random(in: 0...4, using: &chance)).map { _ in
                        .source(UInt8.random(in: 1...5, using: &chance))
                    })
            }
            return link.receive(IGMPHostMessage.report(records, from: host), port: port)
        }
    }

    /// What a layer above sees of each group on each port, times left out.
    private func visible(_ link: Link) -> [String: [String]] {
        Dictionary(
            grouping: link.core.allMemberships(), by: { "\($0.group) \($0.port) \($0.host)" }
        ).mapValues { $0.map { "\($0.version) \($0.filterMode) \($0.sources) \($0.isLeaving)" } }
    }

    /// The rules that do not hold.
    private func broken(_ link: Link) -> [String] {
        let limits = link.core.configuration.limits
        let all = link.core.allMemberships()
        let byGroup = Dictionary(grouping: all, by: \.group)
        var core = link.core
        let rules: [(String, Bool)] = [
            ("max-groups", byGroup.count <= limits.maxGroups),
            ("max-group-sources", all.allSatisfy { $0.sources.count <= limits.maxGroupSources }),
            ("max-hosts-per-group", byGroup.allSatisfy { $0.value.count <= limits.maxHostsPerGroup }),
            (
                "max-groups-per-host",
                Dictionary(grouping: all, by: \.host).allSatisfy { $0.value.count <= limits.maxGroupsPerHost }
            ),
            (
                "max-memberships-per-port",
                Dictionary(grouping: all, by: \.port).allSatisfy { $0.value.count <= limits.maxMembershipsPerPort }
            ),
            (
                "one record a host, port and group",
                Set(all.map { "\($0.group) \($0.port) \($0.host)" }).count == all.count
            ),
            ("no membership of nothing", all.allSatisfy { $0.filterMode == .exclude || !$0.sources.isEmpty }),
            ("sorted sources", all.allSatisfy { $0.sources == $0.sources.sorted() }),
            ("no overdue record", all.allSatisfy { $0.expires > link.now }),
            ("no overdue deadline", core.nextDeadline().map { $0 > link.now } ?? false),
            ("no group without members", core.groups == byGroup.keys.sorted()),
        ]
        return rules.filter { !$0.1 }.map(\.0)
    }

    @Test func `the same seed gives the same run`() {
        func run() -> [MembershipAction] {
            var chance = SeededGenerator(seed: 99)
            var link = Link(.with { $0.explicitTracking = false }, seed: 5)
            return (0..<500).flatMap { _ in act(&link, &chance) }
        }
        #expect(run() == run())
    }
}
