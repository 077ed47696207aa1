import Clockwork
import PIM
import Testing
import Wire

/// Damaged packets, from a seed: none may trap, and whatever is accepted must be something we could have sent.
@Suite struct FuzzTests {
    private static let corpus: [[UInt8]] = [
        ipv4(hello(secondary: ["10.9.0.1"]).encodedForIPv4()),
        ipv4(hello(holdtime: 0, generation: 9).encodedForIPv4()),
        ipv4(hello(generation: 8, tracking: true).encodedForIPv4(), from: "10.2.0.3"),
        ipv4(joinPrune(join: [tree(1), tree(2)], prune: [tree(3)]).encodedForIPv4()),
        ipv4(joinPrune(to: "10.2.0.3", join: [tree(3)], prune: [tree(1)]).encodedForIPv4()),
        ipv4(joinPrune(holdtime: 0xFFFF, prune: [tree(1), tree(2)]).encodedForIPv4(), from: "10.2.0.3"),
        ipv4(
            PIMMessage.assert(
                Assert(group: EncodedGroup("232.1.0.1"), source: "10.1.0.10", metricPreference: 1, metric: 1)
            ).encodedForIPv4()),
    ]

    /// Between none and a few bytes changed, lengths cut or extended; half of them with a right checksum again, so that
    /// the damage reaches what is behind it.
    private func damaged(_ packet: [UInt8], _ chance: inout SeededGenerator) -> [UInt8] {
        var bytes = packet
        for _ in 0..<Int.random(in: 0...4, using: &chance) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &chance)
            switch Int.random(in: 0..<6, using: &chance) {
            case 0: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &chance) ?? 0
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
            case 2: bytes.removeSubrange(place...)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &chance), at: place)
            case 4: bytes.append(contentsOf: bytes[place...].prefix(40))
            default: bytes[place] = UInt8.random(in: 0...255, using: &chance)
            }
        }
        guard bytes.count > 24, Bool.random(using: &chance) else { return bytes }
        return ipv4(sealed(Array(bytes[20...])), from: IPv4Address(10, 2, 0, UInt8.random(in: 2...4, using: &chance)))
    }

    @Test(arguments: 1...8)
    func `no damaged packet traps the router, breaks a limit or leaves a deadline behind`(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var subject = RouterUnderTest(seed: seed, maximumEntries: 20) {
            $0.maxNeighbors = 3
            $0.maxEntries = 15
        }
        subject.want(tree(1))
        subject.want(tree(3), towards: "10.2.0.3")
        var accepted = 0
        for round in 0..<25_000 {
            let packet = damaged(Self.corpus[Int.random(in: 0..<Self.corpus.count, using: &chance)], &chance)
            if let message = try? decode(packet).message {
                accepted += 1
                #expect((try? decode(ipv4(message.encodedForIPv4())).message) == message)
            }
            subject.hear(packet: packet)
            if round.isMultiple(of: 16) {
                subject.wait(chance.duration(upTo: .seconds(30)))
                _ = subject.take()
                #expect(subject.router.neighbors.count <= 3)
                #expect(subject.router.downstreamStates().count <= 15)
                #expect(
                    subject.router.downstreamStates().allSatisfy { $0.neighbors.count <= 3 && $0.expires > subject.now }
                )
                #expect(subject.router.nextDeadline().map { $0 > subject.now } == true)
            }
        }
        #expect(accepted > 1000, "the damage must not be so great that nothing is tested")
        let reached = subject.counters.refusals.map(\.reason)
        #expect(reached.count > 15, "reasons met: \(reached)")
    }

    @Test(arguments: 1...4)
    func `random bytes are refused`(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        for _ in 0..<10_000 {
            let count = Int.random(in: 0...80, using: &chance)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
            #expect(throws: PIMError.self) { try decode(bytes) }
        }
    }
}
