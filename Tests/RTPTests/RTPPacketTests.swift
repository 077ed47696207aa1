import Clockwork
import RTP
import Testing

struct RefusedPacket: CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let error: RTPError
    init(_ name: String, _ bytes: [UInt8], _ error: RTPError) {
        testDescription = name
        self.bytes = bytes
        self.error = error
    }
}

private let twelve: [UInt8] = [0x80, 33, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8]

@Suite struct RTPPacketTests {
    private func decode(_ bytes: [UInt8]) throws -> (header: RTPHeader, payload: [UInt8]) {
        let packet = try RTPPacket(decoding: bytes.span.bytes)
        return (packet.header, packet.payload.withUnsafeBytes { Array($0) })
    }

    @Test func `a header survives encoding and decoding`() throws {
        let header = RTPHeader(
            marker: true, payloadType: 33, sequence: 65_535, timestamp: 0xFEDC_BA98, ssrc: 0x1234_5678)
        var bytes = [UInt8](repeating: 0xAA, count: 20)
        header.write(into: &bytes, at: 4)
        let decoded = try decode(Array(bytes[4...]))
        #expect(decoded.header == header)
        #expect(decoded.payload == [0xAA, 0xAA, 0xAA, 0xAA])
    }

    @Test func `contributing sources, extension and padding are no payload`() throws {
        let bytes: [UInt8] =
            [0xB2, 0xA1, 0, 7, 0, 0, 0, 9, 0, 0, 0, 2] + [UInt8](repeating: 1, count: 8) + [
                0xBE, 0xDE, 0, 1, 9, 9, 9, 9,
            ]
            + [0x47, 0x48, 0, 0, 3]
        let decoded = try decode(bytes)
        #expect(decoded.payload == [0x47, 0x48])
        #expect(decoded.header == RTPHeader(marker: true, payloadType: 33, sequence: 7, timestamp: 9, ssrc: 2))
    }

    @Test(arguments: [
        RefusedPacket("empty", [], .truncated),
        RefusedPacket("short", Array(twelve.prefix(11)), .truncated),
        RefusedPacket("version 1", [0x40] + twelve.dropFirst(), .wrongVersion(1)),
        RefusedPacket("a transport packet without RTP", [0x47] + [UInt8](repeating: 0, count: 187), .wrongVersion(1)),
        RefusedPacket("sources beyond the end", [0x8F] + twelve.dropFirst(), .badLength),
        RefusedPacket("no room for the extension", [0x90] + twelve.dropFirst(), .truncated),
        RefusedPacket("extension beyond the end", [0x90] + twelve.dropFirst() + [0, 0, 0, 2, 1, 1, 1, 1], .badLength),
        RefusedPacket("padding beyond the start", [0xA0] + twelve.dropFirst() + [9, 9], .badLength),
        RefusedPacket("padding of nothing", [0xA0] + twelve.dropFirst() + [1, 0], .badLength),
    ])
    func `a datagram that is no RTP packet is refused by name`(_ row: RefusedPacket) {
        #expect(throws: row.error) { try decode(row.bytes) }
    }

    @Test func `no datagram traps the decoder`() {
        var chance = SeededGenerator(seed: 4)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &chance)
            var bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &chance) }
            if count > 0, Bool.random(using: &chance) { bytes[0] = bytes[0] & 0x3F | 0x80 }
            let decoded = try? decode(bytes)
            #expect(decoded.map { $0.payload.count <= count } ?? true)
        }
    }

    @Test func `timestamps count 90 kHz and wrap`() {
        #expect(RTPClock.timestamp(atNanoseconds: 1_000_000_000) == 90_000)
        #expect(RTPClock.timestamp(atNanoseconds: 40_000_000) == 3600)
        let wrap = (1 << 32) * Int64(100_000) / 9
        #expect(RTPClock.timestamp(atNanoseconds: wrap + 20_000) <= 2)
        #expect(RTPClock.timestamp(atNanoseconds: .max) > 0)
        #expect((3 as UInt16).sequenceDistance(from: 65_534) == 5)
        #expect((65_534 as UInt16).sequenceDistance(from: 3) == -5)
    }
}
