import Clockwork
import GroupMembership
import Testing
import Wire

/// Packets with bytes changed, cut or grown at random: none may trap, and each is either counted as refused or taken.
@Suite struct FuzzTests {
    private static let group = IPv4Address(239, 1, 1, 1)

    private static let corpus: [[UInt8]] = [
        IGMPHostMessage.v1Report(group, from: Link.host(1)),
        IGMPHostMessage.v2Report(group, from: Link.host(2)),
        IGMPHostMessage.v2Leave(group, from: Link.host(2)),
        IGMPHostMessage.query(IGMPQuery(version: .v2, maxResponseTime: 100), from: IPv4Address(10, 3, 0, 0)),
        IGMPHostMessage.query(
            IGMPQuery(
                version: .v3, group: group, maxResponseTime: 100, robustnessVariable: 2, queryInterval: 125,
                sources: [IPv4Address(198, 51, 100, 1), IPv4Address(198, 51, 100, 2)]), from: IPv4Address(10, 3, 0, 0)),
        IGMPHostMessage.report(
            MembershipRecordType.allCases.map {
                MembershipRecord(
                    $0, group: .v4(IPv4Address(239, 1, 1, $0.rawValue)), sources: [.source(1), .source(2)])
            }, from: Link.host(3)),
        IGMPHostMessage.report(
            (1...40).map { MembershipRecord(.modeIsExclude, group: .v4(IPv4Address(239, 1, 2, $0))) },
            from: Link.host(4)),
    ]

    @Test(arguments: UInt64(1)...10)
    func `a hundred thousand mutated packets are each taken or refused`(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var link = Link(
            .with {
                $0.limits.reportRate = nil
                $0.verifySourceSubnet = false
                $0.defaultPort.queryGuard = false
                $0.limits.maxGroups = 200
            }, seed: seed)
        for _ in 0..<10_000 {
            let before = total(link.core.counters)
            link.receive(mutate(&chance), port: UInt32.random(in: 1...3, using: &chance))
            #expect(total(link.core.counters) > before)
            if Int.random(in: 0..<50, using: &chance) == 0 { link.pass(chance.duration(upTo: .seconds(20))) }
        }
        #expect(link.core.groups.count <= 200)
        link.pass(.seconds(7 * 600 + 20))
        #expect(link.core.groups.isEmpty)
    }

    /// A packet of the corpus with a few bytes changed; mostly with its checksum made right again, so that the
    /// mutation reaches the reader behind it.
    private func mutate(_ chance: inout SeededGenerator) -> [UInt8] {
        var packet = Self.corpus[Int.random(in: 0..<Self.corpus.count, using: &chance)]
        for _ in 0..<Int.random(in: 0...4, using: &chance) {
            // Mostly in the message: a header that is refused tests nothing behind it.
            let start = Int.random(in: 0..<8, using: &chance) == 0 ? 0 : 24
            let offset = Int.random(in: start..<packet.count, using: &chance)
            let interesting: [UInt8] = [0, 1, 2, 4, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &chance)]
            packet[offset] = interesting[Int.random(in: 0..<interesting.count, using: &chance)]
        }
        switch Int.random(in: 0..<10, using: &chance) {
        case 0: packet.removeLast(Int.random(in: 0...packet.count, using: &chance))
        case 1:
            packet += (0..<Int.random(in: 1...64, using: &chance)).map { _ in UInt8.random(in: 0...255, using: &chance)
            }
        default: break
        }
        guard packet.count >= 32, Int.random(in: 0..<10, using: &chance) > 0 else { return packet }
        packet[2] = UInt8(truncatingIfNeeded: packet.count >> 8)
        packet[3] = UInt8(truncatingIfNeeded: packet.count)
        return Array(packet[..<24]) + Array(packet[24...]).sealed()
    }

    private func total(_ counters: MembershipCounters) -> UInt64 {
        IGMPError.allCases.reduce(0) { $0 + counters[$1] } + counters.queriesReceived + counters.v1ReportsReceived
            + counters.v2ReportsReceived + counters.v3ReportsReceived + counters.leavesReceived
    }
}
