import Clockwork
import RTP
import Testing

@Suite struct PacketFramingTests {
    private func framed(_ packet: [UInt8]) -> [UInt8] {
        [UInt8(packet.count >> 8), UInt8(packet.count & 255)] + packet
    }

    private func split(_ chunks: [[UInt8]]) throws(FramedPacketSplitter.Fault) -> [[UInt8]] {
        var splitter = FramedPacketSplitter()
        var packets: [[UInt8]] = []
        for chunk in chunks {
            try splitter.append(chunk.span.bytes) { packets.append($0.withUnsafeBytes { Array($0) }) }
        }
        return packets
    }

    @Test(arguments: [1, 2, 3, 13, 700, 1330, 100_000])
    func `packets come out whole however the stream is cut`(_ size: Int) throws {
        var chance = SeededGenerator(seed: UInt64(size))
        let packets = (0..<40).map { number in
            [UInt8](repeating: UInt8(number), count: Int.random(in: 12...1500, using: &chance))
        }
        let stream = packets.flatMap { framed($0) }
        let chunks = stride(from: 0, to: stream.count, by: size).map {
            Array(stream[$0..<min($0 + size, stream.count)])
        }
        #expect(try split(chunks) == packets)
    }

    @Test(arguments: [0, 11, 1501, 65_535])
    func `a length that no packet has ends the stream`(_ length: Int) {
        let good = framed([UInt8](repeating: 1, count: 12))
        let bad = [UInt8(length >> 8), UInt8(length & 255)]
        #expect(throws: FramedPacketSplitter.Fault.badLength(length)) { try split([good + bad + good]) }
        #expect(throws: FramedPacketSplitter.Fault.badLength(length)) {
            try split([good + bad[..<1], bad[1...] + good])
        }
    }

    @Test func `what has begun waits, and no more than one packet of it`() throws {
        var splitter = FramedPacketSplitter()
        let begun = Array(framed([UInt8](repeating: 1, count: 1500)).dropLast())
        try splitter.append(begun.span.bytes) { _ in Issue.record("too early") }
        #expect(splitter.pendingBytes == 1501)
        var count = 0
        let last: [UInt8] = [1]
        try splitter.append(last.span.bytes) { _ in count += 1 }
        #expect(count == 1 && splitter.pendingBytes == 0)
    }
}

@Suite struct HeldReorderBufferTests {
    private func insert(_ numbers: [Int64], into buffer: inout ReorderBuffer) -> [UInt8] {
        var out: [UInt8] = []
        for number in numbers {
            let payload = [UInt8(truncatingIfNeeded: number)]
            buffer.insert(payload.span.bytes, sequence: number, now: .zero) { packet in
                out.append(packet.withUnsafeBytes { $0[0] })
            }
        }
        return out
    }

    @Test func `a held buffer passes nothing on until it is told where to begin`() {
        var buffer = ReorderBuffer(capacity: 64, slotSize: 8)
        buffer.hold()
        #expect(insert(Array(100..<130), into: &buffer).isEmpty)
        buffer.begin(at: 90) { _ in Issue.record("number 90 has not come") }
        #expect(insert(Array(90..<99), into: &buffer) == Array(90..<99))
        #expect(insert([99], into: &buffer) == Array(99..<130))
    }

    @Test func `what was gathered before the beginning is too late`() {
        var buffer = ReorderBuffer(capacity: 64, slotSize: 8)
        buffer.hold()
        _ = insert([5, 6, 7], into: &buffer)
        var out = 0
        buffer.begin(at: 7) { _ in out += 1 }
        #expect(out == 1 && buffer.counters.tooLate == 2 && buffer.next == 8 && buffer.deadline == nil)
    }

    @Test func `a beginning too far back for what waits changes nothing`() {
        var buffer = ReorderBuffer(capacity: 64, slotSize: 8)
        buffer.hold()
        _ = insert([100], into: &buffer)
        buffer.begin(at: 36) { _ in Issue.record("delivered") }
        #expect(buffer.next == nil && buffer.deadline != nil)
    }

    @Test func `what is known not to come is skipped, and no further`() {
        var buffer = ReorderBuffer(capacity: 64, slotSize: 8)
        buffer.hold()
        buffer.begin(at: 1) { _ in }
        _ = insert([3, 20], into: &buffer)
        var out = 0
        buffer.skip(to: 10) { _ in out += 1 }
        #expect(out == 1 && buffer.next == 10 && buffer.counters.skipped == 8)
    }
}
