import Clockwork
import RTP
import Repair
import Testing

@Suite struct FECDecoderTests {
    /// A row packet over 4 packets from 100 on, and the packets.
    private static func row() throws -> (repair: [UInt8], stream: Stream) {
        let stream = Stream(try matrix(4, 4), count: 32, first: 100)
        return (try #require(stream.repairs.first { $0.direction == .row }).bytes, stream)
    }

    struct Fault: CustomTestStringConvertible, Sendable {
        var error: FECPacketError
        var edit: @Sendable (inout [UInt8]) -> Void
        var testDescription: String { "\(error)" }
    }

    static let faults: [Fault] = [
        Fault(error: .truncated) { $0.removeLast($0.count - 27) },
        Fault(error: .truncated) { $0.removeLast($0.count - 28) },
        Fault(error: .truncated) { $0 = [] },
        Fault(error: .wrongVersion) { $0[0] = 0x40 },
        Fault(error: .payloadType) { $0[1] = 33 },
        Fault(error: .unsupportedHeader) { $0[16] &= 0x7F },
        Fault(error: .unsupportedHeader) { $0[18] = 1 },
        Fault(error: .unsupportedHeader) { $0[24] |= 0x80 },
        Fault(error: .unsupportedHeader) { $0[27] = 1 },
        Fault(error: .unsupportedKind) { $0[24] |= 0x08 },
        Fault(error: .unsupportedKind) { $0[24] |= 0x01 },
        Fault(error: .offset) { $0[25] = 0 },
        Fault(error: .offset) { $0[25] = 2 },
        Fault(error: .span) { $0[26] = 0 },
        Fault(error: .span) { ($0[24], $0[25], $0[26]) = (0, 255, 3) },
        Fault(error: .tooLong) { $0.append(0) },
    ]

    @Test(arguments: faults)
    func `a malformed repair packet is refused by name, counted, and mends nothing`(_ fault: Fault) throws {
        var (bytes, stream) = try Self.row()
        fault.edit(&bytes)
        var mender = Mender()
        for sequence in 100..<103 { mender.media(Int64(sequence), try #require(stream.media[Int64(sequence)])) }
        mender.repair(bytes)
        #expect(mender.refused == [fault.error] && mender.mended.isEmpty)
        #expect(mender.decoder.counters.malformed.total == 1 && mender.decoder.counters.repairPackets == 1)
    }

    @Test func `parity with an impossible length yields nothing`() throws {
        var (bytes, stream) = try Self.row()
        bytes[14] ^= 0x40
        var mender = Mender()
        for sequence in 100..<103 { mender.media(Int64(sequence), try #require(stream.media[Int64(sequence)])) }
        mender.repair(bytes)
        #expect(mender.mended.isEmpty && mender.decoder.counters.unusable == 1)
    }

    @Test func `duplicates, late media and disorder change nothing in what comes out`() throws {
        let stream = Stream(try matrix(6, 6), count: 700, vary: true)
        for seed in 1...20 as ClosedRange<UInt64> {
            var chance = SeededGenerator(seed: seed)
            var sent: [(place: Int, packet: Stream.Packet)] = []
            var lost: Set<Int64> = []
            for (index, packet) in stream.packets.enumerated() {
                if case .media(let sequence, _) = packet, Int.random(in: 0..<50, using: &chance) == 0 {
                    lost.insert(sequence)
                    continue
                }
                sent.append((index + Int.random(in: 0..<12, using: &chance), packet))
                if Int.random(in: 0..<20, using: &chance) == 0 { sent.append((index + 5, packet)) }
            }
            sent.sort { $0.place < $1.place }
            var mender = Mender()
            for (_, packet) in sent { mender.take(packet) }
            for (sequence, bytes) in mender.mended { #expect(bytes == stream.media[sequence], "seed \(seed)") }
            // The last block's column packets are not sent.
            let inside = lost.filter { $0 < 65_500 + 600 }
            let missed = inside.subtracting(mender.mended.keys)
            #expect(missed.count * 20 <= inside.count, "seed \(seed): \(missed.count) of \(inside.count)")
        }
    }

    @Test func `the sender may change its matrix at any packet`() throws {
        let first = Stream(try matrix(5, 5), count: 60, first: 65_500, seed: 1)
        let second = Stream(try matrix(10, 8), count: 300, first: 65_560, seed: 2)
        var mender = Mender()
        let lost: Set<Int64> = [65_510, 65_600, 65_601, 65_700]
        for packet in first.packets + second.packets {
            if case .media(let sequence, _) = packet, lost.contains(sequence) { continue }
            mender.take(packet)
        }
        #expect(Set(mender.mended.keys) == lost)
        #expect(mender.mended[65_600] == second.media[65_600] && mender.mended[65_510] == first.media[65_510])
    }

    @Test func `after a restart nothing from before is mixed in`() throws {
        let first = Stream(try matrix(5, 5), count: 63, first: 65_500, seed: 1)
        let second = Stream(try matrix(5, 5), count: 100, first: 65_500, seed: 2)
        var mender = Mender()
        for packet in first.packets {
            if case .media(65_505, _) = packet { continue }
            if case .media(65_506, _) = packet { continue }
            if case .repair(.column, _) = packet { continue }
            mender.take(packet)
        }
        mender.decoder.reset()
        for packet in second.packets {
            if case .media(65_505, _) = packet { continue }
            mender.take(packet)
        }
        #expect(mender.mended == [65_505: second.media[65_505]])
    }

    @Test func `no more repair packets wait than configured; the oldest goes first`() throws {
        var configuration = FECDecoder.Configuration()
        configuration.waitingPackets = 8
        let stream = Stream(try matrix(5, 4), count: 400, payloadSize: 40)
        var mender = Mender(configuration)
        for packet in stream.packets {
            // Two in each row and column are missing: all that comes must wait.
            if case .media(let sequence, _) = packet, sequence % 2 == 0 { continue }
            mender.take(packet)
        }
        #expect(mender.decoder.counters.crowdedOut > 100)
        #expect(mender.decoder.counters.mended == 0)
    }

    @Test func `what a repair packet protects must lie near what was received`() throws {
        let (bytes, stream) = try Self.row()
        var mender = Mender()
        mender.repair(bytes)
        #expect(mender.decoder.counters.outOfWindow == 1)
        mender.media(5_000, try #require(stream.media[100]))
        mender.repair(bytes)
        #expect(mender.decoder.counters.outOfWindow == 2 && mender.refused.isEmpty)
    }

    @Test func `waiting packets expire with the window`() throws {
        var configuration = FECDecoder.Configuration()
        configuration.window = 64
        let stream = Stream(try matrix(4, 4), count: 200, payloadSize: 40)
        var mender = Mender(configuration)
        for packet in stream.packets {
            if case .media(let sequence, _) = packet, sequence < 65_508 { if sequence % 4 < 2 { continue } }
            mender.take(packet)
        }
        #expect(mender.decoder.counters.expired > 0)
    }

    @Test func `media longer than a slot is counted and helps nobody`() {
        var mender = Mender()
        mender.media(1, [UInt8](repeating: 0x80, count: 1400))
        mender.media(2, [0x80])
        #expect(mender.decoder.counters.oversized == 2)
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `no bytes trap the decoder, and what it gives is bounded`(_ seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed)
        let stream = Stream(try matrix(5, 5), count: 500, payloadSize: 60, vary: true)
        var configuration = FECDecoder.Configuration()
        configuration.payloadSize = 60
        configuration.window = 64
        configuration.waitingPackets = 8
        var mender = Mender(configuration)
        for _ in 0..<20 {
            mender.decoder.reset()
            for packet in stream.packets {
                switch packet {
                case .media(let sequence, let bytes):
                    switch Int.random(in: 0..<10, using: &chance) {
                    case 0: continue
                    case 1: mender.media(sequence + Int64.random(in: -70...40, using: &chance), bytes)
                    case 2: mender.media(sequence, Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &chance))))
                    default: mender.media(sequence, bytes)
                    }
                case .repair(_, var bytes):
                    for _ in 0..<Int.random(in: 0...4, using: &chance) {
                        bytes[Int.random(in: 0..<40, using: &chance)] = UInt8.random(in: .min ... .max, using: &chance)
                    }
                    if Int.random(in: 0..<20, using: &chance) == 0 {
                        bytes.removeLast(Int.random(in: 0...bytes.count, using: &chance))
                    }
                    mender.repair(bytes)
                }
            }
        }
        let counters = mender.decoder.counters
        #expect(counters.mended > 100 && mender.refused.count > 100)
        #expect(counters.malformed.total == mender.refused.count)
        for (_, bytes) in mender.mended { #expect(bytes.count > 12 && bytes.count <= 72) }
    }
}
