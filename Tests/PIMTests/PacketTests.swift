import PIM
import Testing
import Wire

/// The Hello that FRR 8.4 sends: holdtime, LAN prune delay, DR priority, GenID, and its fe80 address.
private let helloFromFRR = hex(
    """
    20 00 0000
    0001 0002 0069
    0002 0004 01F4 09C4
    0013 0004 00000001
    0014 0004 1CA02C2B
    0018 0012 02 00 FE80000000000000 025001FFFE000001
    """)

/// FRR's Join of (10.1.0.10, 232.1.1.1) to 10.2.0.1.
private let joinFromFRR = hex(
    """
    23 00 0000
    01 00 0A020001   00 01 00D2
    01 00 00 20 E8010101   0001 0000
    01 00 04 20 0A01000A
    """)

@Suite struct PacketTests {
    @Test func `a Hello as FRR sends it is understood, its IPv6 address passed over`() throws {
        let packet = try decode(ipv4(sealed(helloFromFRR)))
        var expected = Hello()
        expected.holdtime = 105
        expected.lanPruneDelay = LANPruneDelay(
            canDisableJoinSuppression: false, propagationDelay: 500, overrideInterval: 2500)
        expected.drPriority = 1
        expected.generationID = 0x1CA0_2C2B
        #expect(packet.message == .hello(expected))
        #expect(packet.source == "10.2.0.2")
    }

    @Test func `a Join as FRR sends it is understood`() throws {
        let message = try #require(try decode(ipv4(sealed(joinFromFRR))).message.joinPruneBody)
        #expect(message.upstreamNeighbor == "10.2.0.1")
        #expect(message.holdtime == 210)
        #expect(message.joins == [SourceGroup(source: "10.1.0.10", group: "232.1.1.1")])
        #expect(message.prunes.isEmpty)
    }

    @Test func `a Join is sent byte for byte as FRR sends it`() {
        let ours = joinPrune(join: [SourceGroup(source: "10.1.0.10", group: "232.1.1.1")])
        #expect(ours.encodedForIPv4() == sealed(joinFromFRR))
    }

    @Test func `IP options and bytes behind the total length do not disturb`() throws {
        let routerAlert: [UInt8] = [0x94, 0x04, 0, 0]
        let packet = ipv4(sealed(joinFromFRR), options: routerAlert) + [1, 2, 3]
        #expect(try decode(packet).message.joinPruneBody != nil)
    }

    @Test func `an unknown Hello option is passed over`() throws {
        let payload = hex("20 00 0000   FFFE 0003 010203   0001 0002 0010")
        #expect(try decode(ipv4(sealed(payload))).message.helloBody?.holdtime == 16)
    }

    @Test func `of a list of too many secondary addresses the first are kept`() throws {
        let hosts = Array(UInt8(0)..<40)
        let list = hosts.map { IPAddress.v4(IPv4Address(10, 9, 0, $0)) }
        let entries: [UInt8] = hosts.flatMap { host -> [UInt8] in [1, 0, 10, 9, 0, host] }
        let payload = hex("20 00 0000 0018") + [0, UInt8(entries.count)] + entries
        let kept = try #require(try decode(ipv4(sealed(payload))).message.helloBody).secondaryAddresses
        #expect(kept == Array(list.prefix(Hello.maximumSecondaryAddresses)))
    }

    @Test func `a list ends where an address of an unknown family begins`() throws {
        let payload = hex("20 00 0000   0018 000F   01 00 0A090001   09 00 00   01 00 0A090002")
        let kept = try #require(try decode(ipv4(sealed(payload))).message.helloBody).secondaryAddresses
        #expect(kept == ["10.9.0.1"])
    }

    @Test(arguments: [
        hello(), hello(holdtime: nil, priority: nil, generation: nil, tracking: nil),
        hello(holdtime: 0), hello(holdtime: 0xFFFF, priority: .max, generation: 0, tracking: true),
        hello(overrideInterval: 0xFFFF, secondary: ["10.9.0.1", "10.9.0.2"]),
        joinPrune(join: [tree(1), tree(2)], prune: [tree(3)]),
        joinPrune(holdtime: 0xFFFF), joinPrune(to: "0.0.0.0", holdtime: 0, prune: [tree(1)]),
        .joinPrune(withEveryFlag),
        .assert(
            Assert(
                group: EncodedGroup("239.1.1.1"), source: "10.1.0.10", isSharedTree: true,
                metricPreference: 0x7FFF_FFFF, metric: .max)),
        .assert(Assert(group: EncodedGroup("232.1.1.1"), source: "10.1.0.10", metricPreference: 0, metric: 1)),
    ])
    func `what is encoded decodes to the same message`(_ message: PIMMessage) throws {
        #expect(try decode(ipv4(message.encodedForIPv4())).message == message)
    }

    private static var withEveryFlag: JoinPrune {
        var group = EncodedGroup("239.1.1.1")
        group.maskLength = 24
        group.isBidirectional = true
        var shared = EncodedSource("10.255.0.1")
        shared.isWildcard = true
        shared.isSharedTree = true
        var dense = EncodedSource("10.1.0.0")
        dense.isSparse = false
        dense.maskLength = 16
        return JoinPrune(
            upstreamNeighbor: "10.2.0.1", holdtime: 1,
            groups: [JoinPruneGroup(group: group, joined: [shared, dense], pruned: [dense])])
    }

    @Test func `messages of IPv6 addresses are read where the packet is IPv6`() throws {
        let message = PIMMessage.joinPrune(
            JoinPrune(
                upstreamNeighbor: "fe80::1", holdtime: 210,
                groups: [JoinPruneGroup(group: EncodedGroup("ff3e::1"), joined: [EncodedSource("2001:db8::10")])]))
        let bytes = message.encodedForIPv4()
        #expect(try PIMMessage(decoding: bytes.span.bytes, family: .ipv6) == message)
    }
}

struct Refused: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let packet: [UInt8]
    let error: PIMError

    init(_ name: String, _ packet: [UInt8], _ error: PIMError) {
        testDescription = name
        self.packet = packet
        self.error = error
    }

    /// A packet with one byte changed after everything else was right.
    init(_ name: String, byte offset: Int, becomes value: UInt8, _ error: PIMError) {
        var packet = ipv4(sealed(joinFromFRR))
        packet[offset] = value
        self.init(name, packet, error)
    }

    init(_ name: String, payload: String, _ error: PIMError) {
        self.init(name, ipv4(sealed(hex(payload))), error)
    }
}

@Suite struct RefusalTests {
    @Test(arguments: [
        Refused("nothing", [], .truncated),
        Refused("half an IP header", Array(ipv4(sealed(joinFromFRR)).prefix(10)), .badHeaderLength),
        Refused("IP version 6", byte: 0, becomes: 0x65, .notIPv4),
        Refused("IP header of 16 bytes", byte: 0, becomes: 0x44, .badHeaderLength),
        Refused(
            "IP header longer than the packet", Array(ipv4(joinFromFRR).prefix(20)).withByte(0, 0x4F), .badHeaderLength),
        Refused("total length beyond the packet", byte: 3, becomes: 0xFF, .badTotalLength),
        Refused("total length one beyond the packet", byte: 3, becomes: 55, .badTotalLength),
        Refused("total length within the header", byte: 3, becomes: 19, .badTotalLength),
        Refused("more fragments follow", byte: 6, becomes: 0x20, .fragmented),
        Refused("a later fragment", byte: 7, becomes: 0x01, .fragmented),
        Refused("IGMP", byte: 9, becomes: 2, .wrongProtocol),
        Refused("no PIM header", ipv4([]), .truncated),
        Refused("half a PIM header", ipv4([0x23, 0]), .truncated),
        Refused("TTL 2", ipv4(sealed(joinFromFRR), ttl: 2), .wrongTTL),
        Refused("TTL 0", ipv4(sealed(joinFromFRR), ttl: 0), .wrongTTL),
        Refused("to one router only", ipv4(sealed(joinFromFRR), to: "10.2.0.1"), .wrongDestination),
        Refused("PIM version 1", byte: 20, becomes: 0x13, .wrongVersion),
        Refused("PIM version 3", byte: 20, becomes: 0x33, .wrongVersion),
        Refused("a wrong checksum", byte: 22, becomes: 0, .badChecksum),
        Refused("a damaged holdtime", byte: 33, becomes: 0xD3, .badChecksum),
    ])
    func `a packet that is not a sound link-local PIM message is refused`(_ row: Refused) {
        #expect(throws: row.error) { try decode(row.packet) }
    }

    @Test(arguments: [1, 2, 4, 6, 7, 8, 9, 10, 11, 15])
    func `a type that source trees do not need is refused, wherever it was sent`(_ type: UInt8) {
        let payload = sealed([0x20 | type, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: PIMError.unsupportedType) { try decode(ipv4(payload, to: "10.2.0.1", ttl: 64)) }
    }

    @Test(arguments: [
        Refused("option header cut", payload: "20 00 0000   0001 00", .truncated),
        Refused("option value cut", payload: "20 00 0000   0001 0002 00", .truncated),
        Refused("option longer than the packet", payload: "20 00 0000   FFFE FFFF 00", .truncated),
        Refused("holdtime of 4 bytes", payload: "20 00 0000   0001 0004 00000069", .badOptionLength),
        Refused("holdtime of no byte", payload: "20 00 0000   0001 0000", .badOptionLength),
        Refused("LAN prune delay of 2 bytes", payload: "20 00 0000   0002 0002 01F4", .badOptionLength),
        Refused("DR priority of 2 bytes", payload: "20 00 0000   0013 0002 0001", .badOptionLength),
        Refused("GenID of 8 bytes", payload: "20 00 0000   0014 0008 0000000000000001", .badOptionLength),
        Refused("address list cut", payload: "20 00 0000   0018 0004 01 00 0A09", .truncated),
        Refused("IPv6 in an address list cut", payload: "20 00 0000   0018 0004 02 00 FE80", .truncated),
    ])
    func `a malformed Hello is refused`(_ row: Refused) {
        #expect(throws: row.error) { try decode(row.packet) }
    }

    @Test(arguments: [
        Refused("no upstream neighbour", payload: "23 00 0000", .truncated),
        Refused("IPv6 upstream neighbour", payload: "23 00 0000   02 00 FE800000", .unsupportedFamily),
        Refused("family 0", payload: "23 00 0000   00 00 0A020001   00 00 00D2", .unsupportedFamily),
        Refused("encoding 1", payload: "23 00 0000   01 01 0A020001   00 00 00D2", .unsupportedEncoding),
        Refused("a group announced and absent", payload: "23 00 0000   01 00 0A020001   00 01 00D2", .truncated),
        Refused(
            "65535 sources announced and one there",
            payload: "23 00 0000 01 00 0A020001 00 01 00D2 01 00 00 20 E8010101 FFFF FFFF 01 00 04 20 0A01000A",
            .truncated),
        Refused(
            "255 groups announced and one there",
            payload: "23 00 0000 01 00 0A020001 00 FF 00D2 01 00 00 20 E8010101 0001 0000 01 00 04 20 0A01000A",
            .truncated),
        Refused(
            "an IPv6 group", payload: "23 00 0000 01 00 0A020001 00 01 00D2 02 00 00 80 FF3E0000 0000 0000",
            .unsupportedFamily),
        Refused(
            "a source with attributes (RFC 5384)",
            payload: "23 00 0000 01 00 0A020001 00 01 00D2 01 00 00 20 E8010101 0001 0000 01 01 04 20 0A01000A",
            .unsupportedEncoding),
    ])
    func `a malformed Join or Prune is refused as a whole`(_ row: Refused) {
        #expect(throws: row.error) { try decode(row.packet) }
    }

    @Test func `an Assert that ends early is refused`() {
        #expect(throws: PIMError.truncated) {
            try decode(ipv4(sealed(hex("25 00 0000 01 00 00 20 E8010101 01 00 0A01000A 0000"))))
        }
    }

    @Test func `every prefix of a packet is refused and none traps`() {
        let whole = ipv4(sealed(helloFromFRR))
        for length in 0..<whole.count {
            #expect(throws: PIMError.self) { try decode(Array(whole.prefix(length))) }
        }
    }

    @Test func `every reason has a name and a sentence of its own`() {
        #expect(Set(PIMError.allCases.map(\.reason)).count == PIMError.allCases.count)
        #expect(Set(PIMError.allCases.map(\.description)).count == PIMError.allCases.count)
    }
}

extension [UInt8] {
    fileprivate func withByte(_ offset: Int, _ value: UInt8) -> [UInt8] {
        var copy = self
        copy[offset] = value
        return copy
    }
}
