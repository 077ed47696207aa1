import Clockwork
import GroupMembership
import Testing
import Wire

/// Hosts of versions 1 and 2 (RFC 3376 §7.3), each by itself.
@Suite struct CompatibilityTests {
    let group = IPv4Address(239, 1, 1, 1)
    let key = IPAddress.v4(IPv4Address(239, 1, 1, 1))

    private func say(_ type: MembershipRecordType, _ sources: [IPAddress] = [], host: UInt16 = 1) -> [UInt8] {
        IGMPHostMessage.report([MembershipRecord(type, group: key, sources: sources)], from: Link.host(host))
    }
    private func record(_ link: Link, host: UInt16 = 1) -> HostMembership? {
        link.core.memberships(of: key).first { $0.host == .v4(Link.host(host)) }
    }

    @Test(arguments: [MembershipVersion.v1, .v2])
    func `an older report asks for every source`(_ version: MembershipVersion) {
        var link = Link()
        link.receive(
            version == .v1
                ? IGMPHostMessage.v1Report(group, from: Link.host(1))
                : IGMPHostMessage.v2Report(group, from: Link.host(1)))
        #expect(record(link)?.version == version)
        #expect(record(link)?.filterMode == .exclude)
        #expect(record(link)?.wants(.source(1)) == true)
    }

    @Test func `a host that turned to version 2 counts as such until the older-host interval ends`() {
        var link = Link(.with { $0.defaultPort.singleHost = true })
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.receive(say(.modeIsExclude))
        #expect(record(link)?.version == .v2)
        link.pass(.seconds(250))
        link.receive(say(.modeIsExclude))
        #expect(record(link)?.version == .v2)
        link.pass(.seconds(10))
        #expect(
            link.receive(say(.modeIsExclude)) == [.changed(group: key, port: Link.port(1), host: .v4(Link.host(1)))])
        #expect(record(link)?.version == .v3)
    }

    @Test func `what a version 2 host cannot mean is ignored`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        #expect(link.receive(say(.blockOldSources, [.source(1)])).isEmpty)
        #expect(link.receive(say(.changeToExcludeMode, [.source(1)])).isEmpty)
        #expect(record(link)?.sources == [])
        #expect(link.receive(say(.changeToIncludeMode)).compactMap(\.query).count == 1)
        #expect(record(link)?.isLeaving == true)
    }

    @Test func `a version 1 host cannot leave`() {
        var link = Link()
        link.receive(IGMPHostMessage.v1Report(group, from: Link.host(1)))
        #expect(link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1))).isEmpty)
        #expect(link.receive(say(.changeToIncludeMode)).isEmpty)
        link.pass(.seconds(259))
        #expect(record(link) != nil)
        link.pass(.seconds(1))
        #expect(record(link) == nil)
    }

    @Test func `a version 1 host keeps its time when another router asks about the group`() {
        var link = Link(.with { $0.defaultPort.queryGuard = false })
        link.receive(IGMPHostMessage.v1Report(group, from: Link.host(1)))
        link.receive(
            IGMPHostMessage.query(
                IGMPQuery(version: .v3, group: group, maxResponseTime: 10), from: IPv4Address(10, 3, 0, 0)))
        link.pass(.seconds(100))
        #expect(record(link) != nil)
    }

    @Test func `a version 2 report speaks for the version 2 hosts it kept silent, on its port only`() {
        var link = Link()
        for (host, port) in [(UInt16(1), UInt32(1)), (2, 1), (3, 2)] {
            link.receive(IGMPHostMessage.v2Report(group, from: Link.host(host)), port: port)
        }
        link.receive(IGMPHostMessage.v1Report(group, from: Link.host(4)))
        link.receive(say(.modeIsExclude, host: 5))
        link.pass(.seconds(200))
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.pass(.seconds(61))
        // Not the host on the other port, not the one of version 1 that does not know the message, not the one of
        // version 3 that never keeps silent.
        #expect(link.core.memberships(of: key).map(\.host) == [.v4(Link.host(1)), .v4(Link.host(2))])
    }

    @Test func `a version 1 report speaks for version 2 hosts too`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(2)))
        link.pass(.seconds(200))
        link.receive(IGMPHostMessage.v1Report(group, from: Link.host(1)))
        link.pass(.seconds(61))
        #expect(link.core.memberships(of: key).map(\.host) == [.v4(Link.host(1)), .v4(Link.host(2))])
    }

    @Test func `on a single-host port a report speaks for its sender alone`() {
        var link = Link(.with { $0.defaultPort.singleHost = true })
        for host in [UInt16(1), 2] { link.receive(IGMPHostMessage.v2Report(group, from: Link.host(host))) }
        link.pass(.seconds(200))
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        link.pass(.seconds(61))
        #expect(link.core.memberships(of: key).map(\.host) == [.v4(Link.host(1))])
    }

    @Test func `version 2 is queried for where it is configured`() {
        var link = Link(.with { $0.version = .v2 })
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        let left = link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        #expect(left.compactMap(\.query) == [IGMPQuery(version: .v2, group: group, maxResponseTime: 10)])
        let general = link.pass(.seconds(40)).compactMap(\.action.query).last
        #expect(general == IGMPQuery(version: .v2, maxResponseTime: 100))
    }

    @Test func `a report for the source-specific range by an older host is tracked like any other`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(IPv4Address(232, 1, 1, 1), from: Link.host(1)))
        #expect(link.core.groups == [.v4(IPv4Address(232, 1, 1, 1))])
    }
}
