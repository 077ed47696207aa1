import Clockwork
import GroupMembership
import Testing
import Wire

@Suite struct QuerierTests {
    let low = IPv4Address(10, 3, 0, 0)
    let high = IPv4Address(10, 3, 200, 1)
    let open = MembershipConfiguration.with { $0.defaultPort.queryGuard = false }

    private func general(
        _ version: MembershipVersion = .v3, robustness: Int = 2, interval: Int = 125, from router: IPv4Address
    ) -> [UInt8] {
        IGMPHostMessage.query(
            IGMPQuery(version: version, maxResponseTime: 100, robustnessVariable: robustness, queryInterval: interval),
            from: router)
    }

    @Test func `it starts with a query at once and repeats it quickly, then at the query interval`() {
        var core = MembershipInterface(
            interface: Link.bridge, address: Link.router, subnets: Link.subnet, configuration: .init(), seed: 7)
        var actions: [MembershipAction] = []
        let start = Instant.zero
        core.start(now: start, into: &actions)
        #expect(actions.first == .querierChanged(nil))
        let query = IGMPQuery(version: .v3, maxResponseTime: 100, robustnessVariable: 2, queryInterval: 125)
        #expect(actions.dropFirst() == [.send(query: IGMPMessage.query(query).encoded(), destination: .allHosts)])
        var sent: [Duration] = []
        for _ in 0..<4 {
            guard let deadline = core.nextDeadline() else { break }
            actions = []
            core.tick(now: deadline, into: &actions)
            #expect(actions.compactMap(\.query) == [query])
            sent.append(deadline - start)
        }
        #expect(sent[0] == .milliseconds(31_250))
        // Interfaces that start together drift apart once, by at most a quarter.
        #expect((Duration.milliseconds(93_750)...(.seconds(125))).contains(sent[1] - sent[0]))
        #expect(sent[2] - sent[1] == .seconds(125))
        #expect(sent[3] - sent[2] == .seconds(125))
        #expect(core.counters.generalQueriesSent == 5)
    }

    @Test func `interfaces with different seeds do not stay in step`() {
        let second = (UInt64(1)...8).map { seed in
            var link = Link(seed: seed)
            return link.pass(.seconds(160)).compactMap { $0.action.query == nil ? nil : $0.at }.last
        }
        #expect(Set(second).count == second.count)
    }

    @Test func `the lower address wins`() {
        var link = Link(open)
        #expect(link.receive(general(from: low)) == [.querierChanged(.v4(low))])
        #expect(!link.core.isQuerier)
        #expect(link.core.querierAddress == .v4(low))
        let happened = link.pass(.seconds(254))
        #expect(happened.isEmpty)
    }

    @Test func `a higher address changes nothing`() {
        var link = Link(open)
        #expect(link.receive(general(from: high)).isEmpty)
        #expect(link.core.isQuerier)
        #expect(link.core.counters.queriesReceived == 1)
    }

    @Test func `it takes over when the elected querier falls silent`() {
        var link = Link(open)
        link.receive(general(from: low))
        link.pass(.seconds(100))
        #expect(link.receive(general(from: low)).isEmpty)
        let start = link.now
        let happened = link.pass(.seconds(255))
        #expect(happened.first?.at == start + .seconds(255))
        #expect(happened.first?.action == .querierChanged(nil))
        #expect(happened.last?.action.query?.isGeneral == true)
        #expect(link.core.querierAddress == .v4(Link.router))
    }

    @Test func `a still lower address replaces the elected querier`() {
        var link = Link(.with { $0.defaultPort.queryGuard = false })
        link.core.update(address: high, subnets: Link.subnet)
        link.receive(general(from: Link.router))
        #expect(link.receive(general(from: low)) == [.querierChanged(.v4(low))])
    }

    @Test func `a guarded port never wins, an open one beside it does`() {
        var link = Link()
        link.core.configure(bridgePort: InterfaceIndex(2), MembershipPortConfiguration(queryGuard: false))
        #expect(link.receive(general(from: low), port: 1).isEmpty)
        #expect(link.core.isQuerier)
        #expect(link.core.counters[.queryGuard] == 1)
        #expect(link.receive(general(from: low), port: 2) == [.querierChanged(.v4(low))])
        link.core.configure(bridgePort: InterfaceIndex(2), nil)
        #expect(link.receive(general(from: low), port: 2).isEmpty)
        #expect(link.core.counters[.queryGuard] == 2)
    }

    @Test func `the elected querier's robustness and interval are adopted, within reason`() {
        var link = Link(open)
        let group = IPv4Address(239, 1, 1, 1)
        func expiry(after robustness: Int, _ interval: Int) -> Duration? {
            link.receive(general(robustness: robustness, interval: interval, from: low))
            link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
            return link.core.allMemberships().first.map { $0.expires - link.now }
        }
        #expect(expiry(after: 3, 60) == .seconds(190))
        // Nothing announced: our own values.
        #expect(expiry(after: 0, 0) == .seconds(260))
        // No packet may keep memberships for days.
        #expect(expiry(after: 7, 31_744) == .seconds(7 * 600 + 10))
        #expect(expiry(after: 1, 1) == .seconds(11))
    }

    @Test(arguments: [MembershipVersion.v1, .v2])
    func `a querier of an older version is obeyed and counted`(_ version: MembershipVersion) {
        var link = Link(open)
        let query = IGMPQuery(version: version, maxResponseTime: version == .v1 ? 0 : 100)
        #expect(link.receive(IGMPHostMessage.query(query, from: low)) == [.querierChanged(.v4(low))])
        #expect(link.core.counters.olderVersionQueries == 1)
    }

    @Test(arguments: [false, true])
    func `the S flag of the elected querier's query keeps timers`(_ suppresses: Bool) {
        var link = Link(open)
        let group = IPv4Address(239, 1, 1, 1)
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        link.receive(
            IGMPHostMessage.query(
                IGMPQuery(
                    version: .v3, group: group, maxResponseTime: 10, suppressesRouterSideProcessing: suppresses),
                from: low))
        link.pass(.seconds(2))
        #expect(link.core.groups.isEmpty == !suppresses)
    }

    @Test func `the elected querier's question about a source lowers that source alone`() {
        var link = Link(open)
        let group = IPv4Address(239, 1, 1, 1)
        for number in [UInt8(1), 2] {
            link.receive(
                IGMPHostMessage.join(group, source: IPv4Address(198, 51, 100, number), from: Link.host(1)))
        }
        link.receive(
            IGMPHostMessage.query(
                IGMPQuery(
                    version: .v3, group: group, maxResponseTime: 0, sources: [IPv4Address(198, 51, 100, 1)]),
                from: low))
        link.pass(.seconds(2))
        #expect(link.core.allMemberships().map(\.sources) == [[.source(2)]])
    }

    @Test func `losing the election ends queries that were owed`() {
        var link = Link(open)
        let group = IPv4Address(239, 1, 1, 1)
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        link.receive(general(from: low))
        let happened = link.pass(.seconds(5))
        #expect(happened.compactMap(\.action.query).isEmpty)
        #expect(link.core.groups.isEmpty)
    }
}
