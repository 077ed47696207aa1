import Clockwork
import GroupMembership
import Testing
import Wire

@Suite struct CodecTests {
    static let group = IPv4Address(239, 1, 1, 1)
    static let key = IPAddress.v4(group)
    static let sources = [IPv4Address(198, 51, 100, 2), IPv4Address(198, 51, 100, 1)]

    static let messages: [IGMPMessage] =
        [
            .v1Report(group: group), .v2Report(group: group), .leave(group: group),
            .query(IGMPQuery(version: .v1, maxResponseTime: 0)),
            .query(IGMPQuery(version: .v2, maxResponseTime: 255)),
            .query(IGMPQuery(version: .v2, group: group, maxResponseTime: 10)),
            .query(IGMPQuery(version: .v3, maxResponseTime: 31_744, robustnessVariable: 7, queryInterval: 31_744)),
            .query(
                IGMPQuery(
                    version: .v3, group: group, maxResponseTime: 0, suppressesRouterSideProcessing: true,
                    sources: sources)),
            .v3Report(IGMPv3Report(records: [])),
            .v3Report(
                IGMPv3Report(
                    records: MembershipRecordType.allCases.map {
                        MembershipRecord($0, group: key, sources: [.source($0.rawValue), .source(1)])
                    })),
            .v3Report(
                IGMPv3Report(records: MembershipRecordType.allCases.map { MembershipRecord($0, group: key) })),
        ]

    @Test(arguments: messages)
    func `what is encoded decodes to the same`(_ message: IGMPMessage) throws {
        #expect(try IGMPMessage(message.encoded()) == message)
    }

    @Test(arguments: messages)
    func `a message cut short anywhere is refused or is no such message`(_ message: IGMPMessage) {
        let bytes = message.encoded()
        for length in 0..<bytes.count {
            // The right checksum over the shorter message, so that it is the length that must be noticed.
            guard length >= 8 else {
                #expect(throws: IGMPError.truncated) {
                    try IGMPMessage(Array(bytes.prefix(length)))
                }
                continue
            }
            #expect(throws: IGMPError.self) {
                let decoded = try IGMPMessage(Array(bytes.prefix(length)).sealed())
                // A version 3 query without its tail is one of version 2.
                if case .query(let query) = decoded, length == 8, query.version != .v3 { throw IGMPError.truncated }
            }
        }
    }

    @Test func `a general query has exactly these bytes`() {
        let query = IGMPQuery(version: .v3, maxResponseTime: 100, robustnessVariable: 2, queryInterval: 125)
        let expected: [UInt8] = [
            0x11, 100, 0xEC, 0x1E,  // type, ten seconds, checksum
            0, 0, 0, 0,  // no group
            0x02, 125, 0, 0,  // QRV, QQIC, no sources
        ]
        #expect(IGMPMessage.query(query).encoded() == expected)
    }

    @Test func `a host's report has exactly these bytes`() {
        let expected: [UInt8] = [
            0x46, 0xC0, 0, 44, 0, 0, 0, 0, 1, 2, 0x38, 0xF2, 10, 3, 1, 1, 224, 0, 0, 22,  // IP header
            0x94, 4, 0, 0,  // Router Alert
            0x22, 0, 0xC5, 0xC5, 0, 0, 0, 1,  // report, one record
            5, 0, 0, 1, 232, 1, 1, 1, 198, 51, 100, 1,  // ALLOW {198.51.100.1}
        ]
        let packet = IGMPHostMessage.join(
            IPv4Address(232, 1, 1, 1), source: IPv4Address(198, 51, 100, 1), from: Link.host(1))
        #expect(packet == expected)
    }

    @Test func `every code survives the way to its value and back`() {
        for code in UInt8.min...UInt8.max {
            let decoded = FloatingPointCode(rawValue: code)
            #expect(FloatingPointCode(value: decoded.value).rawValue == code)
        }
    }

    @Test func `a value between two codes is rounded down`() {
        for value in 0...40_000 {
            let code = FloatingPointCode(value: value)
            #expect(code.value <= value)
            if code.rawValue < 255 { #expect(FloatingPointCode(rawValue: code.rawValue + 1).value > value) }
        }
        #expect(FloatingPointCode(value: -1).value == 0)
        #expect(FloatingPointCode(value: .max).value == FloatingPointCode.largestValue)
    }

    @Test func `auxiliary data, additional data and records nobody defined are passed over`() throws {
        let bytes: [UInt8] = [
            0x22, 0, 0, 0, 0, 0, 0, 3,
            4, 2, 0, 0, 239, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8,  // two words of auxiliary data
            99, 0, 0, 1, 239, 9, 9, 9, 1, 2, 3, 4,  // of no known type
            3, 0, 0, 0, 239, 1, 1, 2,
            0xAB, 0xCD,  // additional data
        ]
        let message = try IGMPMessage(bytes.sealed())
        let records = [
            MembershipRecord(.changeToExcludeMode, group: Self.key),
            MembershipRecord(.changeToIncludeMode, group: .v4(IPv4Address(239, 1, 1, 2))),
        ]
        #expect(message == .v3Report(IGMPv3Report(records: records, unknownRecords: 1)))
        var link = Link()
        link.receive(IGMPHostMessage.packet(payload: bytes.sealed(), from: Link.host(1), to: .allIGMPv3Routers))
        #expect(link.core.counters.unknownRecords == 1)
    }

    @Test(arguments: [(0, 1), (1, 1), (366, 1), (367, 2), (1024, 3)])
    func `a query is split into as many as the MTU asks for`(sources: Int, messages: Int) {
        let all = (0..<sources).map { IPv4Address(rawValue: 0x0B00_0000 + UInt32($0)) }
        let parts = IGMPQuery(version: .v3, group: Self.group, maxResponseTime: 10, sources: all).split(mtu: 1500)
        #expect(parts.count == messages)
        #expect(parts.flatMap(\.sources) == all)
        #expect(parts.allSatisfy { 24 + IGMPMessage.query($0).encoded().count <= 1500 })
    }

    @Test func `the reports of a host with many groups fit its MTU and say everything`() throws {
        let records = (0..<1000).map {
            MembershipRecord(
                .modeIsInclude, group: .v4(IPv4Address(rawValue: 0xE801_0000 + UInt32($0))), sources: [.source(1)])
        }
        let packets = IGMPHostMessage.reports(records, from: Link.host(1))
        var seen: [MembershipRecord] = []
        for packet in packets {
            #expect(packet.count <= 1500)
            let header = try IGMPPacketHeader(packet)
            #expect(header.hasRouterAlert)
            let message = try IGMPMessage(Array(packet[header.payload]))
            if case .v3Report(let report) = message { seen += report.records }
        }
        #expect(seen == records)
    }

    @Test func `what stands behind the IP packet's total length is not looked at`() throws {
        let packet = IGMPHostMessage.v2Report(Self.group, from: Link.host(1)) + [0, 0, 0, 0]
        let header = try IGMPPacketHeader(packet)
        #expect(header.payload == 24..<32)
    }

    @Test func `Router Alert is found behind other options and not after their end`() throws {
        func hasAlert(_ options: [UInt8]) throws -> Bool {
            var packet = IGMPHostMessage.v2Report(Self.group, from: Link.host(1))
            packet.replaceSubrange(20..<24, with: options)
            packet[0] = 0x40 | UInt8(5 + options.count / 4)
            packet[3] = UInt8(packet.count)
            return try IGMPPacketHeader(packet).hasRouterAlert
        }
        #expect(try hasAlert([]) == false)
        #expect(try hasAlert([1, 1, 1, 1, 0x94, 4, 0, 0]))
        #expect(try hasAlert([7, 4, 0, 0, 0x94, 4, 0, 0]))
        #expect(try hasAlert([0, 0, 0, 0, 0x94, 4, 0, 0]) == false)
        #expect(throws: IGMPError.badOptions) { try hasAlert([1, 1, 1, 0x94]) }
    }

    @Test func `every type and code of eight bytes is told apart`() {
        for type in UInt8.min...UInt8.max {
            for code in UInt8.min...UInt8.max {
                let bytes = [type, code, 0, 0, 239, 1, 1, 1].sealed()
                let expected: IGMPMessage?
                switch type {
                case 0x11:
                    expected = .query(
                        IGMPQuery(version: code == 0 ? .v1 : .v2, group: Self.group, maxResponseTime: Int(code)))
                case 0x12: expected = .v1Report(group: Self.group)
                case 0x16: expected = .v2Report(group: Self.group)
                case 0x17: expected = .leave(group: Self.group)
                default: expected = nil  // as a version 3 report its group reads as more records than it has
                }
                #expect((try? IGMPMessage(bytes)) == expected)
            }
        }
    }
}
