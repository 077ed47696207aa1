import Clockwork
import RTP
import Testing

@Suite struct RetransmissionPayloadTests {
    private func datagram(_ sequence: UInt16, payload: [UInt8], marker: Bool = true) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: RTPHeader.size) + payload
        RTPHeader(marker: marker, payloadType: 33, sequence: sequence, timestamp: 0x1234_5678, ssrc: 0xCAFE_BABE)
            .write(into: &bytes, at: 0)
        return bytes
    }

    private func retransmission(of original: [UInt8], numbered sequence: UInt16 = 9, room: Int = 1500) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0xEE, count: room)
        let count = buffer.withUnsafeMutableBytes { buffer in
            original.withUnsafeBytes { original in
                let count = RetransmissionPayload.write(original, into: buffer)
                if count != nil { RetransmissionPayload.number(buffer, sequence) }
                return count
            }
        }
        return count.map { Array(buffer[..<$0]) }
    }

    @Test func `a retransmission carries the original's number before its payload`() throws {
        let bytes = try #require(retransmission(of: datagram(0xABCD, payload: [1, 2, 3])))
        #expect(bytes == [0x80, 0x80 | 97, 0, 9, 0x12, 0x34, 0x56, 0x78, 0xCA, 0xFE, 0xBA, 0xBE, 0xAB, 0xCD, 1, 2, 3])
    }

    @Test func `the original comes out as it was`() throws {
        var chance = SeededGenerator(seed: 8)
        var buffer = [UInt8](repeating: 0, count: 1500)
        for _ in 0..<200 {
            let payload = (0..<Int.random(in: 1...1400, using: &chance)).map { _ in
                UInt8.random(in: .min ... .max, using: &chance)
            }
            let original = datagram(
                .random(in: .min ... .max, using: &chance), payload: payload, marker: .random(using: &chance))
            let bytes = try #require(retransmission(of: original))
            let packet = try RetransmittedPacket(decoding: bytes.span.bytes)
            let number = packet.sequence
            #expect(number == 9)
            let written = packet.writeOriginal(into: &buffer)
            #expect(Array(buffer[..<(try #require(written))]) == original)
        }
    }

    @Test func `what is no plain packet of ours is not sent again`() {
        #expect(retransmission(of: datagram(1, payload: [])) == nil)
        #expect(retransmission(of: datagram(1, payload: [1, 2, 3]), room: 16) == nil)
        var extended = datagram(1, payload: [1, 2, 3])
        extended[0] = 0x90
        #expect(retransmission(of: extended) == nil)
    }

    @Test(arguments: [
        ([0x80, 97, 0, 1] + [UInt8](repeating: 0, count: 8) + [7], RetransmissionError.truncated),
        ([0x80, 97, 0, 1] + [UInt8](repeating: 0, count: 8) + [7, 7], .truncated),
        ([0x80, 33, 0, 1] + [UInt8](repeating: 0, count: 11), .payloadType(33)),
        ([0x80, 97, 0, 1], .notRTP(.truncated)), ([0x40, 97], .notRTP(.wrongVersion(1))),
    ])
    func `a datagram that is no retransmission is refused by name`(bytes: [UInt8], error: RetransmissionError) {
        #expect(throws: error) { _ = try RetransmittedPacket(decoding: bytes.span.bytes).sequence }
    }

    @Test func `no mutation of a retransmission traps the decoder`() throws {
        var chance = SeededGenerator(seed: 5)
        let sound = try #require(retransmission(of: datagram(7, payload: [UInt8](repeating: 7, count: 20))))
        var buffer = [UInt8](repeating: 0, count: 40)
        for _ in 0..<20_000 {
            var bytes = sound
            for _ in 0..<Int.random(in: 0...3, using: &chance) {
                bytes[Int.random(in: bytes.indices, using: &chance)] = UInt8.random(in: .min ... .max, using: &chance)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &chance))
            guard let packet = try? RetransmittedPacket(decoding: bytes.span.bytes) else { continue }
            let written = packet.writeOriginal(into: &buffer)
            #expect(written.map { $0 <= bytes.count } ?? true)
        }
    }
}
