import Clockwork
import GroupMembership
import Testing
import Wire

/// One broken rule a row: the packet leaves nothing behind but its counter.
struct Refusal: CustomTestStringConvertible, Sendable {
    let reason: IGMPError
    let name: String
    let packet: [UInt8]
    let configuration: MembershipConfiguration

    init(
        _ reason: IGMPError, _ name: String, _ packet: [UInt8],
        _ change: (inout MembershipConfiguration) -> Void = { _ in }
    ) {
        self.reason = reason
        self.name = name
        self.packet = packet
        configuration = .with(change)
    }

    var testDescription: String { "\(reason): \(name)" }

    private static let group = IPv4Address(239, 1, 1, 1)
    private static let host = Link.host(1)
    private static let report = IGMPHostMessage.v2Report(group, from: host)
    private static let join = IGMPHostMessage.join(group, from: host)
    private static let general = IGMPQuery(version: .v3, maxResponseTime: 100)

    private static func message(_ bytes: [UInt8]) -> [UInt8] {
        IGMPHostMessage.packet(payload: bytes.sealed(), from: host, to: .allIGMPv3Routers)
    }

    static let rows: [Refusal] = [
        Refusal(.truncated, "nothing", []),
        Refusal(.truncated, "half an IP header", Array(report.prefix(11))),
        Refusal(.truncated, "options cut off", Array(report.prefix(22))),
        Refusal(.truncated, "no IGMP message", .plain([], from: host, to: group)),
        Refusal(.truncated, "seven bytes", message([0x16, 0, 0, 0, 239, 1, 1])),
        Refusal(.truncated, "total length beyond the packet", report.replacing(3, with: 33)),
        Refusal(.truncated, "fewer records than claimed", message([0x22, 0, 0, 0, 0, 0, 0, 1])),
        Refusal(
            .truncated, "fewer sources than claimed", message([0x22, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 239, 1, 1, 1])),
        Refusal(
            .truncated, "less auxiliary data than claimed",
            message([0x22, 0, 0, 0, 0, 0, 0, 1, 4, 1, 0, 0, 239, 1, 1, 1])),
        Refusal(
            .truncated, "fewer sources than a query claims", message([0x11, 9, 0, 0, 239, 1, 1, 1, 2, 125, 0, 1])),
        Refusal(.notIPv4, "version 6", report.replacing(0, with: 0x66)),
        Refusal(.badHeaderLength, "four words", report.replacing(0, with: 0x44)),
        Refusal(.badTotalLength, "shorter than the header", report.replacing(3, with: 23)),
        Refusal(.badOptions, "an option of length 0", report.replacing(21, with: 0)),
        Refusal(.badOptions, "an option longer than the header", report.replacing(21, with: 5)),
        Refusal(.fragment, "more to come", report.replacing(6, with: 0x20)),
        Refusal(.fragment, "not the first", report.replacing(7, with: 0x01)),
        Refusal(.notIGMP, "UDP", report.replacing(9, with: 17)),
        Refusal(.notIGMP, "an upcall of the kernel", report.replacing(9, with: 0)),
        Refusal(.wrongTTL, "2", report.replacing(8, with: 2)),
        Refusal(.wrongTTL, "0", report.replacing(8, with: 0)),
        Refusal(
            .missingRouterAlert, "where it is required",
            .plain(IGMPMessage.v2Report(group: group).encoded(), from: host, to: group)
        ) { $0.requireRouterAlert = true },
        Refusal(.badChecksum, "one bit", report.replacing(26, with: report[26] ^ 1)),
        Refusal(.badChecksum, "in additional data", join + []).flippingLastByte(),
        Refusal(.unknownType, "DVMRP", message([0x13, 0, 0, 0, 239, 1, 1, 1])),
        Refusal(.unknownType, "255", message([0xFF, 0, 0, 0, 239, 1, 1, 1])),
        Refusal(.badQueryLength, "nine bytes", message([0x11, 9, 0, 0, 0, 0, 0, 0, 0])),
        Refusal(.badQueryLength, "eleven bytes", message([0x11, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        Refusal(.tooManyRecords, "65535", message([0x22, 0, 0, 0, 0, 0, 0xFF, 0xFF])),
        Refusal(
            .tooManyRecords, "one too many",
            message([0x22, 0, 0, 0, 0, 0, 0x10, 0x01] + [UInt8](repeating: 0, count: 4097 * 8))),
        Refusal(.tooManySources, "65535", message([0x22, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0xFF, 0xFF, 239, 1, 1, 1])),
        Refusal(.tooManySources, "of a query", message([0x11, 9, 0, 0, 239, 1, 1, 1, 2, 125, 0x10, 0x01])),
        Refusal(.notMulticastGroup, "version 2", IGMPHostMessage.packet(.v2Report(group: host), from: host, to: group)),
        Refusal(
            .notMulticastGroup, "version 1",
            IGMPHostMessage.packet(.v1Report(group: .unspecified), from: host, to: group)),
        Refusal(.notMulticastGroup, "leave", IGMPHostMessage.v2Leave(IPv4Address(10, 1, 2, 2), from: host)),
        Refusal(.notMulticastGroup, "version 3", IGMPHostMessage.join(IPv4Address(192, 0, 2, 1), from: host)),
        Refusal(.notMulticastGroup, "query", message([0x11, 9, 0, 0, 10, 0, 0, 1])),
        Refusal(
            .notMulticastGroup, "general query with a source",
            message([0x11, 9, 0, 0, 0, 0, 0, 0, 2, 125, 0, 1, 1, 2, 3, 4])),
        Refusal(.linkLocalGroup, "mDNS, version 2", IGMPHostMessage.v2Report(IPv4Address(224, 0, 0, 251), from: host)),
        Refusal(.linkLocalGroup, "mDNS, version 3", IGMPHostMessage.join(IPv4Address(224, 0, 0, 251), from: host)),
        Refusal(
            .unicastDestination, "a leave", IGMPHostMessage.packet(.leave(group: group), from: host, to: Link.router)),
        Refusal(.unicastDestination, "a query", IGMPHostMessage.packet(.query(general), from: host, to: Link.router)) {
            $0.defaultPort.queryGuard = false
        },
        Refusal(
            .unicastDestination, "a report to another host",
            IGMPHostMessage.packet(.v2Report(group: group), from: host, to: Link.host(2))),
        Refusal(
            .unicastDestination, "a version 1 report to another host",
            IGMPHostMessage.packet(.v1Report(group: group), from: host, to: Link.host(2))),
        Refusal(
            .unicastDestination, "a version 3 report",
            IGMPHostMessage.packet(
                payload: IGMPMessage.v3Report(.init(records: [.init(.modeIsExclude, group: .v4(group))])).encoded(),
                from: host, to: Link.router)),
        Refusal(.unspecifiedSource, "a report", IGMPHostMessage.v2Report(group, from: .unspecified)),
        Refusal(.unspecifiedSource, "a query, off-subnet allowed", IGMPHostMessage.query(general, from: .unspecified)) {
            $0.verifySourceSubnet = false
            $0.defaultPort.queryGuard = false
        },
        Refusal(.invalidSource, "loopback", IGMPHostMessage.v2Report(group, from: IPv4Address(127, 0, 0, 1))),
        Refusal(.invalidSource, "multicast", IGMPHostMessage.v2Report(group, from: IPv4Address(224, 0, 0, 9))),
        Refusal(.invalidSource, "broadcast", IGMPHostMessage.v2Report(group, from: IPv4Address(255, 255, 255, 255))),
        Refusal(
            .invalidListedSource, "multicast",
            IGMPHostMessage.join(group, source: IPv4Address(232, 1, 1, 1), from: host)),
        Refusal(.invalidListedSource, "unspecified", IGMPHostMessage.join(group, source: .unspecified, from: host)),
        Refusal(
            .invalidListedSource, "one of two",
            IGMPHostMessage.report(
                [.init(.modeIsInclude, group: .v4(group), sources: [.source(1), .v4(.allHosts)])], from: host)),
        Refusal(.offSubnetSource, "a report", IGMPHostMessage.join(group, from: IPv4Address(192, 0, 2, 1))),
        Refusal(.offSubnetSource, "a query", IGMPHostMessage.query(general, from: IPv4Address(9, 0, 0, 1))) {
            $0.defaultPort.queryGuard = false
        },
        Refusal(.ownAddressSpoofed, "a report", IGMPHostMessage.join(group, from: Link.router)),
        Refusal(.ownAddressSpoofed, "a query", IGMPHostMessage.query(general, from: Link.router)),
        Refusal(.queryGuard, "a lower address", IGMPHostMessage.query(general, from: IPv4Address(10, 3, 0, 0))),
        Refusal(.queryGuard, "a higher address", IGMPHostMessage.query(general, from: host)),
        Refusal(.versionNotEnabled, "version 3 where 2 is configured", join) { $0.version = .v2 },
    ]

    private func flippingLastByte() -> Refusal {
        Refusal(reason, name, packet.replacing(packet.count - 1, with: packet[packet.count - 1] ^ 0x80))
    }
}

@Suite struct RefusalTests {
    @Test(arguments: Refusal.rows)
    func `a refused packet leaves nothing but its counter`(_ row: Refusal) {
        var link = Link(row.configuration)
        #expect(link.receive(row.packet).isEmpty)
        #expect(link.core.groups.isEmpty)
        #expect(link.core.isQuerier)
        let counted = IGMPError.allCases.filter { link.core.counters[$0] > 0 }
        #expect(counted == [row.reason])
        #expect(link.core.counters[row.reason] == 1)
    }

    @Test func `every reason has a packet that is refused for it`() {
        #expect(Set(Refusal.rows.map(\.reason)) == Set(IGMPError.allCases))
        #expect(Set(IGMPError.allCases.map(\.description)).count == IGMPError.allCases.count)
    }

    @Test func `an unusable record does not spoil the others of its report`() {
        var link = Link()
        let good = IPAddress.v4(IPv4Address(239, 1, 1, 1))
        link.receive(
            IGMPHostMessage.report(
                [
                    MembershipRecord(.changeToExcludeMode, group: .v4(IPv4Address(224, 0, 0, 22))),
                    MembershipRecord(.changeToExcludeMode, group: .v4(IPv4Address(10, 0, 0, 1))),
                    MembershipRecord(.changeToExcludeMode, group: good),
                ], from: Link.host(1)))
        #expect(link.core.groups == [good])
        #expect(link.core.counters[.linkLocalGroup] == 1)
        #expect(link.core.counters[.notMulticastGroup] == 1)
        #expect(link.core.counters.recordsReceived == 3)
    }

    @Test func `a report without Router Alert is taken unless it is required`() {
        let group = IPv4Address(239, 1, 1, 1)
        let packet = [UInt8].plain(IGMPMessage.v2Report(group: group).encoded(), from: Link.host(1), to: group)
        var link = Link()
        link.receive(packet)
        #expect(link.core.groups == [.v4(group)])
    }

    @Test func `a version 1 report never carries Router Alert and is taken all the same`() {
        let group = IPv4Address(239, 1, 1, 1)
        var link = Link(.with { $0.requireRouterAlert = true })
        link.receive(.plain(IGMPMessage.v1Report(group: group).encoded(), from: Link.host(1), to: group))
        #expect(link.core.groups == [.v4(group)])
    }

    @Test func `an off-subnet host is tracked where its source is not verified`() {
        var link = Link(.with { $0.verifySourceSubnet = false })
        link.receive(IGMPHostMessage.join(IPv4Address(239, 1, 1, 1), from: IPv4Address(192, 0, 2, 1)))
        link.receive(IGMPHostMessage.join(IPv4Address(239, 1, 1, 1), from: .unspecified))
        #expect(link.core.allMemberships().map(\.host) == [.v4(.unspecified), .v4(IPv4Address(192, 0, 2, 1))])
    }

    @Test func `a stopped interface hears nothing`() {
        var link = Link()
        link.stop()
        #expect(link.receive(IGMPHostMessage.join(IPv4Address(239, 1, 1, 1), from: Link.host(1))).isEmpty)
        #expect(link.core.groups.isEmpty)
        #expect(link.core.nextDeadline() == nil)
    }
}
