import Clockwork
import GroupMembership
import Testing
import Wire

@Suite struct LifetimeTests {
    let group = IPv4Address(239, 1, 1, 1)
    let key = IPAddress.v4(IPv4Address(239, 1, 1, 1))

    private func say(_ type: MembershipRecordType, _ sources: [IPAddress] = [], host: UInt16 = 1) -> [UInt8] {
        IGMPHostMessage.report([MembershipRecord(type, group: key, sources: sources)], from: Link.host(host))
    }

    @Test func `a silent host goes when the group membership interval ends`() {
        var link = Link()
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        let start = link.now
        #expect(link.core.allMemberships().map(\.expires) == [start + .seconds(260)])
        let happened = link.pass(.seconds(300)).filter { $0.action.query == nil }
        #expect(happened.map(\.at) == [start + .seconds(260)])
        #expect(happened.map(\.action) == [.changed(group: key, port: Link.port(1), host: .v4(Link.host(1)))])
        #expect(link.core.groups.isEmpty)
    }

    @Test func `a refresh keeps a host without telling anybody`() {
        var link = Link()
        link.receive(say(.allowNewSources, [.source(1)]))
        let since = link.now
        for _ in 0..<10 {
            link.pass(.seconds(200))
            #expect(link.receive(say(.modeIsInclude, [.source(1)])).isEmpty)
        }
        #expect(link.core.allMemberships().map(\.since) == [since])
        #expect(link.core.allMemberships().map(\.lastReport) == [link.now])
        #expect(link.core.allMemberships().map(\.expires) == [link.now + .seconds(260)])
    }

    @Test func `each source has its own time`() {
        var link = Link()
        link.receive(say(.allowNewSources, [.source(1)]))
        link.pass(.seconds(100))
        link.receive(say(.allowNewSources, [.source(2)]))
        link.pass(.seconds(160))
        #expect(link.core.allMemberships().map(\.sources) == [[.source(2)]])
        link.pass(.seconds(100))
        #expect(link.core.groups.isEmpty)
    }

    @Test func `a host whose exclusion was not refreshed keeps the sources it asked for`() {
        var link = Link()
        link.receive(say(.modeIsExclude, [.source(1)]))
        link.pass(.seconds(200))
        link.receive(say(.modeIsInclude, [.source(1), .source(2)]))
        #expect(link.core.allMemberships().map(\.sources) == [[]])
        link.pass(.seconds(60))
        #expect(link.core.allMemberships().map(\.filterMode) == [.include])
        #expect(link.core.allMemberships().map(\.sources) == [[.source(1), .source(2)]])
        link.pass(.seconds(200))
        #expect(link.core.groups.isEmpty)
    }

    @Test func `a source asked for and then blocked does not outlive the exclusion`() {
        var link = Link()
        link.receive(say(.modeIsExclude))
        link.pass(.seconds(200))
        link.receive(say(.allowNewSources, [.source(2)]))
        link.receive(say(.blockOldSources, [.source(2)]))
        link.pass(.seconds(60))
        #expect(link.core.groups.isEmpty)
    }

    @Test func `a requested source that runs out under exclusion is excluded`() {
        var link = Link(.with { $0.explicitTracking = false })
        link.receive(say(.modeIsExclude))
        link.receive(say(.allowNewSources, [.source(1)]))
        #expect(
            link.receive(say(.blockOldSources, [.source(1)])).compactMap(\.query).map(\.sources) == [
                [IPv4Address(198, 51, 100, 1)]
            ])
        #expect(link.core.allMemberships().map(\.sources) == [[]])
        link.pass(.seconds(2))
        #expect(link.core.allMemberships().map(\.sources) == [[.source(1)]])
        #expect(link.core.allMemberships().first?.wants(.source(1)) == false)
        #expect(link.core.allMemberships().first?.wants(.source(2)) == true)
    }

    @Test func `memberships are listed by port and host, groups in order`() {
        var link = Link()
        for (host, port) in [(UInt16(2), UInt32?(2)), (1, 2), (9, 1), (3, nil)] {
            link.receive(IGMPHostMessage.join(group, from: Link.host(host)), port: port)
        }
        for port in [UInt32?.none, 1, 2, 3] {
            let onPort = link.core.memberships(of: key, on: Link.port(port))
            #expect(onPort == link.core.memberships(of: key).filter { $0.port == Link.port(port) })
        }
        link.receive(IGMPHostMessage.join(IPv4Address(239, 0, 0, 1), from: Link.host(1)))
        let listed = link.core.memberships(of: key)
        #expect(listed.map(\.port) == [Link.port(nil), Link.port(1), Link.port(2), Link.port(2)])
        #expect(listed.map(\.host) == [3, 9, 1, 2].map { .v4(Link.host($0)) })
        #expect(link.core.groups == [.v4(IPv4Address(239, 0, 0, 1)), key])
        #expect(link.core.allMemberships().count == 5)
    }

    @Test func `a vanished port takes its hosts along and nobody else's`() {
        var link = Link()
        for (host, port) in [(UInt16(1), UInt32(1)), (2, 1), (3, 2)] {
            link.receive(IGMPHostMessage.join(group, from: Link.host(host)), port: port)
        }
        var actions: [MembershipAction] = []
        link.core.remove(bridgePort: InterfaceIndex(1), into: &actions)
        let gone = [UInt16(1), 2].map {
            MembershipAction.changed(group: key, port: Link.port(1), host: .v4(Link.host($0)))
        }
        #expect(actions == gone)
        #expect(link.core.allMemberships().map(\.host) == [.v4(Link.host(3))])
    }

    @Test func `a removed host is forgotten in one group or in all`() {
        var link = Link()
        let other = IPv4Address(239, 2, 2, 2)
        for name in [group, other] {
            for host in [UInt16(1), 2] { link.receive(IGMPHostMessage.join(name, from: Link.host(host))) }
        }
        var actions: [MembershipAction] = []
        let gone = IPAddress.v4(Link.host(1))
        link.core.remove(host: gone, group: key, port: Link.port(2), into: &actions)
        #expect(actions == [], "it is no member on that port")
        link.core.remove(host: gone, group: key, port: Link.port(1), into: &actions)
        #expect(actions == [.changed(group: key, port: Link.port(1), host: gone)])
        #expect(link.core.membership(of: key, host: gone, on: Link.port(1)) == nil)
        actions = []
        link.core.remove(host: gone, into: &actions)
        #expect(actions == [.changed(group: .v4(other), port: Link.port(1), host: gone)])
        #expect(link.core.allMemberships().map(\.host) == [.v4(Link.host(2)), .v4(Link.host(2))])
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        #expect(link.core.memberships(of: key).count == 2)
    }

    @Test func `a stopped interface forgets everybody and starts afresh`() {
        var link = Link()
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)), port: 1)
        link.receive(IGMPHostMessage.join(group, from: Link.host(2)), port: 2)
        #expect(
            link.stop() == [
                .changed(group: key, port: Link.port(1), host: .v4(Link.host(1))),
                .changed(group: key, port: Link.port(2), host: .v4(Link.host(2))),
            ])
        #expect(link.stop().isEmpty)
        var actions: [MembershipAction] = []
        link.core.start(now: link.now, into: &actions)
        #expect(actions.compactMap(\.query).count == 1)
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        #expect(link.core.groups == [key])
    }

    @Test func `a reconfigured interface keeps its hosts and goes by the new intervals`() {
        var link = Link()
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        link.core.reconfigure(.with { $0.queryInterval = .seconds(20) }, now: link.now)
        let next = link.pass(.seconds(20)).compactMap(\.action.query)
        #expect(next.map(\.queryInterval) == [20])
        link.receive(say(.modeIsExclude))
        #expect(link.core.allMemberships().map(\.expires) == [link.now + .seconds(50)])
    }

    @Test(arguments: [
        ("version", MembershipConfiguration.with { $0.version = .v1 }),
        ("robustness-variable", .with { $0.robustnessVariable = 0 }),
        ("robustness-variable", .with { $0.robustnessVariable = 8 }),
        ("query-interval", .with { $0.queryInterval = .seconds(31_745) }),
        ("query-interval", .with { $0.queryInterval = .zero }),
        ("query-max-response-time", .with { $0.queryMaxResponseTime = .seconds(125) }),
        ("query-max-response-time", .with { $0.queryMaxResponseTime = .zero }),
        ("last-member-query-interval", .with { $0.lastMemberQueryInterval = .milliseconds(99) }),
        ("last-member-query-count", .with { $0.lastMemberQueryCount = 0 }),
        ("startup-query-interval", .with { $0.startupQueryInterval = .seconds(-1) }),
        ("startup-query-count", .with { $0.startupQueryCount = 11 }),
        ("mtu", .with { $0.mtu = 67 }),
        ("max-groups", .with { $0.limits.maxGroups = 0 }),
        ("max-group-sources", .with { $0.limits.maxGroupSources = 1025 }),
        ("max-hosts-per-group", .with { $0.limits.maxHostsPerGroup = 0 }),
        ("max-groups-per-host", .with { $0.limits.maxGroupsPerHost = 0 }),
        ("max-memberships-per-port", .with { $0.limits.maxMembershipsPerPort = 0 }),
        ("max-ports", .with { $0.limits.maxPorts = 0 }),
        ("report-rate", .with { $0.limits.reportRate = ReportRate(messagesPerSecond: 0, burst: 1) }),
        ("report-burst", .with { $0.limits.reportRate = ReportRate(messagesPerSecond: 1, burst: 0) }),
    ])
    func `a value out of its range is named`(name: String, configuration: MembershipConfiguration) {
        let refusal = #expect(throws: MembershipConfigurationError.self) { try configuration.validate() }
        #expect(refusal?.name == name)
    }

    @Test func `the defaults are valid`() throws {
        try MembershipConfiguration().validate()
    }
}
