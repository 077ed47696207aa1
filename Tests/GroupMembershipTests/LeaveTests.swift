import Clockwork
import GroupMembership
import Testing
import Wire

@Suite struct LeaveTests {
    let group = IPv4Address(239, 1, 1, 1)
    let key = IPAddress.v4(IPv4Address(239, 1, 1, 1))
    let source = IPv4Address(198, 51, 100, 1)

    private func changed(_ port: UInt32? = 1, host: UInt16 = 1) -> MembershipAction {
        .changed(group: key, port: Link.port(port), host: .v4(Link.host(host)))
    }
    private func hosts(_ link: Link) -> [IPv4Address] { link.core.memberships(of: key).compactMap(\.host.v4) }

    // MARK: At once

    @Test func `the leave of a version 3 host takes effect at once`() {
        var link = Link()
        #expect(link.receive(IGMPHostMessage.join(group, from: Link.host(1))) == [changed()])
        #expect(hosts(link) == [Link.host(1)])
        #expect(link.receive(IGMPHostMessage.leave(group, from: Link.host(1))) == [changed()])
        #expect(link.core.groups.isEmpty)
    }

    @Test func `a version 3 host leaves one source at once and keeps the other`() {
        var link = Link()
        link.receive(IGMPHostMessage.join(group, source: source, from: Link.host(1)))
        link.receive(IGMPHostMessage.join(group, source: IPv4Address(198, 51, 100, 2), from: Link.host(1)))
        #expect(link.receive(IGMPHostMessage.leave(group, source: source, from: Link.host(1))) == [changed()])
        #expect(link.core.memberships(of: key).map(\.sources) == [[.source(2)]])
    }

    @Test func `one host's leave is not another's`() {
        var link = Link()
        link.receive(IGMPHostMessage.join(group, source: source, from: Link.host(1)))
        link.receive(IGMPHostMessage.join(group, source: source, from: Link.host(2)))
        link.receive(IGMPHostMessage.leave(group, source: source, from: Link.host(1)))
        #expect(hosts(link) == [Link.host(2)])
    }

    @Test func `a version 2 host on another port does not hold a version 3 leave`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2)), port: 2)
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)), port: 1)
        #expect(link.receive(IGMPHostMessage.leave(group, from: Link.host(1)), port: 1) == [changed()])
        #expect(hosts(link) == [Link.host(2)])
    }

    @Test func `a version 2 host of another group does not hold a version 3 leave`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(IPv4Address(239, 2, 2, 2), from: Link.host(2)))
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        #expect(link.receive(IGMPHostMessage.leave(group, from: Link.host(1))) == [changed()])
    }

    @Test func `a version 2 leave takes effect at once on a port declared single-host`() {
        var link = Link()
        link.core.configure(bridgePort: InterfaceIndex(1), MembershipPortConfiguration(singleHost: true))
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)), port: 1)
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2)), port: 2)
        #expect(link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)), port: 1) == [changed(1)])
        #expect(
            link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(2)), port: 2).compactMap(\.query).count == 1)
    }

    @Test func `a version 2 leave takes effect at once where immediate leave is configured`() {
        var link = Link(.with { $0.immediateLeave = true })
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        #expect(link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1))) == [changed()])
        #expect(link.core.groups.isEmpty)
    }

    // MARK: By last-member query

    @Test func `a version 2 leaver counts until the last-member query time ends`() {
        var link = Link(.with { $0.lastMemberQueryCount = 3 })
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        let left = link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        #expect(left.compactMap(\.query?.group) == [group])
        #expect(left.first == changed())
        #expect(left.compactMap(\.query?.maxResponseTime) == [10])
        #expect(link.core.memberships(of: key).map(\.isLeaving) == [true])
        let start = link.now
        let happened = link.pass(.seconds(10))
        #expect(
            happened.compactMap { $0.action.query == nil ? nil : $0.at } == [start + .seconds(1), start + .seconds(2)])
        #expect(happened.last?.at == start + .seconds(3))
        #expect(happened.last?.action == changed())
        #expect(link.core.groups.isEmpty)
        #expect(link.core.counters.groupQueriesSent == 3)
    }

    @Test func `a version 3 leaver beside a version 2 host counts until the last-member query time ends`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2)))
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        let left = link.receive(IGMPHostMessage.leave(group, from: Link.host(1)))
        #expect(left.compactMap(\.query).count == 1)
        #expect(hosts(link) == [Link.host(1), Link.host(2)])
        link.pass(.seconds(2))
        #expect(hosts(link) == [Link.host(2)])
    }

    @Test func `a source is asked about and goes alone when nobody answers`() {
        var link = Link(.with { $0.explicitTracking = false })
        for number in [UInt8(1), 2] {
            link.receive(
                IGMPHostMessage.join(group, source: IPv4Address(198, 51, 100, number), from: Link.host(1)))
        }
        let left = link.receive(IGMPHostMessage.leave(group, source: source, from: Link.host(1)))
        #expect(left.compactMap(\.query).map(\.sources) == [[source]])
        #expect(left.compactMap(\.query).map(\.suppressesRouterSideProcessing) == [false])
        let happened = link.pass(.seconds(2))
        #expect(happened.compactMap(\.action.query).map(\.sources) == [[source]])
        #expect(happened.last?.action == changed())
        #expect(link.core.memberships(of: key).map(\.sources) == [[.source(2)]])
        #expect(link.core.counters.groupAndSourceQueriesSent == 2)
    }

    @Test func `a source that somebody else wants is asked about with the S flag`() {
        var link = Link(.with { $0.explicitTracking = false })
        link.receive(IGMPHostMessage.join(group, source: source, from: Link.host(1)))
        link.receive(IGMPHostMessage.join(group, source: source, from: Link.host(2)), port: 2)
        let left = link.receive(IGMPHostMessage.leave(group, source: source, from: Link.host(1)))
        #expect(left.compactMap(\.query).map(\.suppressesRouterSideProcessing) == [true])
    }

    @Test func `the leaver that reports again is a member again`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        link.pass(.milliseconds(500))
        #expect(link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1))) == [changed()])
        let happened = link.pass(.seconds(10))
        #expect(happened.isEmpty)
        #expect(link.core.memberships(of: key).map(\.isLeaving) == [false])
    }

    @Test func `the leaver's own new report answers for nobody else`() {
        var link = Link()
        for number in [UInt16(1), 2] { link.receive(IGMPHostMessage.v2Report(group, from: Link.host(number))) }
        for number in [UInt16(1), 2] { link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(number))) }
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        #expect(link.core.memberships(of: key).map(\.isLeaving) == [false, true])
        link.pass(.seconds(4))
        #expect(hosts(link) == [Link.host(1)])
    }

    @Test func `another host's report answers the query, and the leaver goes`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        link.pass(.milliseconds(300))
        #expect(link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2))).last == changed())
        #expect(hosts(link) == [Link.host(2)])
        let happened = link.pass(.seconds(5))
        #expect(happened.isEmpty)
    }

    @Test func `a version 3 report answers for nobody hidden`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        link.receive(IGMPHostMessage.join(group, from: Link.host(2)))
        #expect(hosts(link) == [Link.host(1), Link.host(2)])
        let happened = link.pass(.seconds(2))
        #expect(happened.contains { $0.action.query != nil })
        #expect(hosts(link) == [Link.host(2)])
    }

    @Test func `a report on another port answers nothing here`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)), port: 1)
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2)), port: 2)
        link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)), port: 1)
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2)), port: 2)
        #expect(link.core.memberships(of: key).map(\.isLeaving) == [true, false])
        link.pass(.seconds(2))
        #expect(hosts(link) == [Link.host(2)])
    }

    @Test func `leaves in quick succession share their queries`() {
        var link = Link()
        for number in UInt16(1)...20 { link.receive(IGMPHostMessage.v2Report(group, from: Link.host(number))) }
        var queries = 0
        for number in UInt16(1)...20 {
            queries += link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(number))).compactMap(\.query).count
        }
        #expect(queries == 1)
        queries += link.pass(.seconds(3)).compactMap(\.action.query).count
        #expect(queries == 3)
        #expect(link.core.groups.isEmpty)
    }

    @Test func `too many sources to list are asked about by one query of the group`() {
        var link = Link(
            .with {
                $0.explicitTracking = false
                $0.limits.maxGroupSources = 1024
            })
        for host in [UInt16(1), 2] {
            let sources = (0..<600).map { IPAddress.v4(IPv4Address(rawValue: 0x0B00_0000 + UInt32(host) * 1000 + $0)) }
            link.receive(
                IGMPHostMessage.report([.init(.allowNewSources, group: key, sources: sources)], from: Link.host(host)))
            link.receive(
                IGMPHostMessage.report([.init(.blockOldSources, group: key, sources: sources)], from: Link.host(host)))
        }
        let queries = link.pass(.seconds(10)).compactMap(\.action.query)
        #expect(queries.allSatisfy { $0.sources.isEmpty })
        #expect(queries.count == 2)
        #expect(link.core.groups.isEmpty)
    }

    @Test func `a leave by a host that is no member changes nothing and asks nothing`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        #expect(link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(2))).isEmpty)
        #expect(link.receive(IGMPHostMessage.v2Leave(IPv4Address(239, 9, 9, 9), from: Link.host(1))).isEmpty)
        #expect(link.core.counters.leavesWithoutMembership == 2)
    }

    @Test func `where another router queries, its query lowers the timers and no query is sent`() {
        var link = Link(.with { $0.defaultPort.queryGuard = false })
        let rival = IPv4Address(10, 3, 0, 0)
        link.receive(IGMPHostMessage.query(IGMPQuery(version: .v3, maxResponseTime: 100), from: rival))
        for number in [UInt16(1), 2] { link.receive(IGMPHostMessage.v2Report(group, from: Link.host(number))) }
        let left = link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        #expect(left == [changed()])
        #expect(link.core.memberships(of: key).map(\.isLeaving) == [true, false])
        link.pass(.seconds(3))
        #expect(hosts(link) == [Link.host(1), Link.host(2)])
        link.receive(IGMPHostMessage.query(IGMPQuery(version: .v3, group: group, maxResponseTime: 10), from: rival))
        let happened = link.pass(.seconds(2))
        #expect(happened.map(\.action) == [changed(), changed(host: 2)])
        #expect(link.core.groups.isEmpty)
    }
}
