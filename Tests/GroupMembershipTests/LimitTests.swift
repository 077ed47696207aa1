import Clockwork
import GroupMembership
import Testing
import Wire

@Suite struct LimitTests {
    let group = IPv4Address(239, 1, 1, 1)
    let key = IPAddress.v4(IPv4Address(239, 1, 1, 1))

    private func other(_ number: UInt32) -> IPv4Address { IPv4Address(rawValue: 0xEF02_0000 + number) }

    /// The one limit that was met, and how often.
    private func met(_ link: Link) -> [MembershipLimit: UInt64] {
        var met: [MembershipLimit: UInt64] = [:]
        for limit in MembershipLimit.allCases where link.core.counters[limit] > 0 {
            met[limit] = link.core.counters[limit]
        }
        return met
    }

    @Test func `an interface takes max-groups groups, and more hosts of those it has`() {
        var link = Link(.with { $0.limits.maxGroups = 2 })
        for number in UInt32(1)...3 {
            let actions = link.receive(IGMPHostMessage.join(other(number), from: Link.host(1)))
            #expect(actions.isEmpty == (number > 2))
        }
        link.receive(IGMPHostMessage.join(other(1), from: Link.host(2)))
        #expect(link.core.allMemberships().count == 3)
        #expect(met(link) == [.maxGroups: 1])
        link.receive(IGMPHostMessage.leave(other(2), from: Link.host(1)))
        link.receive(IGMPHostMessage.join(other(3), from: Link.host(1)))
        #expect(link.core.groups.count == 2)
        #expect(met(link) == [.maxGroups: 1])
    }

    @Test(arguments: [
        MembershipRecordType.allowNewSources, .modeIsInclude, .changeToIncludeMode, .modeIsExclude,
        .changeToExcludeMode,
    ])
    func `a record takes max-group-sources sources, and one more refuses it whole`(_ type: MembershipRecordType) {
        for (count, isTaken) in [(0, true), (1, true), (4, true), (5, false), (366, false)] {
            var link = Link(.with { $0.limits.maxGroupSources = 4 })
            let sources = (0..<count).map { IPAddress.v4(IPv4Address(rawValue: 0x0B00_0000 + UInt32($0))) }
            link.receive(IGMPHostMessage.report([.init(type, group: key, sources: sources)], from: Link.host(1)))
            #expect(met(link) == (isTaken ? [:] : [.maxGroupSources: 1]))
            #expect(
                link.core.groups.isEmpty
                    == !(isTaken && (count > 0 || type == .modeIsExclude || type == .changeToExcludeMode)))
        }
    }

    @Test(arguments: [
        MembershipRecordType.allowNewSources, .blockOldSources, .changeToExcludeMode, .changeToIncludeMode,
    ])
    func `a record that would grow too long stays as it was`(_ type: MembershipRecordType) {
        var link = Link(.with { $0.limits.maxGroupSources = 2 })
        link.receive(
            IGMPHostMessage.report(
                [.init(.modeIsExclude, group: key, sources: [.source(1), .source(2)])], from: Link.host(1)))
        let before = link.core.allMemberships()
        link.pass(.seconds(1))
        let sources: [IPAddress] = [.source(3), .source(4), .source(5)]
        let actions = link.receive(
            IGMPHostMessage.report([.init(type, group: key, sources: sources)], from: Link.host(1)))
        #expect(actions.isEmpty)
        #expect(link.core.allMemberships() == before)
        #expect(met(link) == [.maxGroupSources: 1])
    }

    @Test func `a group takes max-hosts-per-group hosts`() {
        var link = Link(.with { $0.limits.maxHostsPerGroup = 3 })
        for number in UInt16(1)...5 { link.receive(IGMPHostMessage.join(group, from: Link.host(number))) }
        #expect(link.core.allMemberships().count == 3)
        #expect(met(link) == [.maxHostsPerGroup: 2])
        link.receive(IGMPHostMessage.leave(group, from: Link.host(2)))
        link.receive(IGMPHostMessage.join(group, from: Link.host(5)))
        #expect(link.core.allMemberships().map(\.host) == [1, 3, 5].map { .v4(Link.host($0)) })
    }

    @Test func `a host floods itself only`() {
        var link = Link(.with { $0.limits.maxGroupsPerHost = 10 })
        link.receive(IGMPHostMessage.join(group, from: Link.host(2)))
        let before = link.core.memberships(of: key)
        for number in UInt32(0)..<1000 { link.receive(IGMPHostMessage.join(other(number), from: Link.host(1))) }
        #expect(met(link) == [.maxGroupsPerHost: 990])
        #expect(link.core.memberships(of: key) == before)
        link.receive(IGMPHostMessage.join(other(5000), from: Link.host(2)))
        #expect(link.core.memberships(of: .v4(other(5000))).count == 1)
    }

    @Test func `spoofed hosts flood their own port only`() {
        var link = Link(.with { $0.limits.maxMembershipsPerPort = 100 })
        for number in UInt32(0)..<1000 {
            link.receive(IGMPHostMessage.join(other(number), from: Link.host(UInt16(number))), port: 1)
        }
        #expect(link.core.allMemberships().count == 100)
        #expect(met(link) == [.maxMembershipsPerPort: 900])
        link.receive(IGMPHostMessage.join(group, from: Link.host(1)), port: 2)
        #expect(link.core.memberships(of: key).count == 1)
    }

    @Test func `room that was used is given back when records go, by whatever way`() {
        var link = Link(
            .with {
                $0.limits.maxMembershipsPerPort = 2
                $0.limits.maxGroupsPerHost = 2
            })
        func fill() {
            for number in UInt32(1)...2 { link.receive(IGMPHostMessage.join(other(number), from: Link.host(1))) }
        }
        let ways: [(inout Link) -> Void] = [
            { link in
                for number in UInt32(1)...2 { link.receive(IGMPHostMessage.leave(other(number), from: Link.host(1))) }
            },
            { link in link.pass(.seconds(260)) },
            { link in
                var actions: [MembershipAction] = []
                link.core.remove(host: .v4(Link.host(1)), into: &actions)
            },
            { link in
                var actions: [MembershipAction] = []
                link.core.remove(bridgePort: InterfaceIndex(1), into: &actions)
            },
            { link in
                for number in UInt32(1)...2 { link.receive(IGMPHostMessage.v2Leave(other(number), from: Link.host(1))) }
                for number in UInt32(1)...2 {
                    link.receive(IGMPHostMessage.v2Report(other(number), from: Link.host(2)))
                }
                link.pass(.seconds(260))
            },
        ]
        for way in ways {
            fill()
            #expect(link.core.allMemberships().count == 2)
            way(&link)
            #expect(link.core.groups.isEmpty)
        }
        fill()
        #expect(link.core.allMemberships().count == 2)
        #expect(link.core.counters[.maxGroupsPerHost] == 0)
    }

    @Test func `a port sends its burst, then its rate, and does not slow another`() {
        var link = Link(.with { $0.limits.reportRate = ReportRate(messagesPerSecond: 10, burst: 5) })
        for number in UInt32(0)..<20 { link.receive(IGMPHostMessage.join(other(number), from: Link.host(1)), port: 1) }
        #expect(link.core.groups.count == 5)
        #expect(met(link) == [.reportRate: 15])
        link.receive(IGMPHostMessage.join(group, from: Link.host(2)), port: 2)
        #expect(link.core.groups.count == 6)
        link.pass(.milliseconds(250))
        for number in UInt32(30)..<40 { link.receive(IGMPHostMessage.join(other(number), from: Link.host(1)), port: 1) }
        #expect(link.core.groups.count == 8)
        link.pass(.seconds(100))
        for number in UInt32(50)..<60 { link.receive(IGMPHostMessage.join(other(number), from: Link.host(1)), port: 1) }
        #expect(link.core.groups.count == 13)
    }

    @Test func `malformed messages take tokens too`() {
        var link = Link(.with { $0.limits.reportRate = ReportRate(messagesPerSecond: 1, burst: 3) })
        for _ in 0..<10 { link.receive(IGMPHostMessage.v2Leave(Link.host(1), from: Link.host(1))) }
        #expect(link.core.counters[.notMulticastGroup] == 3)
        #expect(met(link) == [.reportRate: 7])
    }

    @Test func `packets come in on max-ports ports`() {
        var link = Link(.with { $0.limits.maxPorts = 2 })
        for port in UInt32(1)...3 { link.receive(IGMPHostMessage.join(group, from: Link.host(1)), port: port) }
        #expect(link.core.memberships(of: key).map(\.port) == [Link.port(1), Link.port(2)])
        #expect(met(link) == [.maxPorts: 1])
    }

    @Test func `every limit has a name of its own`() {
        #expect(Set(MembershipLimit.allCases.map(\.description)).count == MembershipLimit.allCases.count)
    }
}
