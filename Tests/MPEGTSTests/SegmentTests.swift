import MPEGTS
import MediaFixtures
import Testing

private func clockTicks(_ bytes: [UInt8]) -> Int64? {
    guard let packet = TransportPacket(bytes.span.bytes) else { return nil }
    return packet.clockReference?.ticks
}

@Suite struct SegmentTests {
    @Test func `a segment cut within a packet loses that packet only`() throws {
        var source = StreamGenerator()
        let bytes = source.segment(references: 4)
        let segment = try TransportSegment(scanning: Array(bytes.dropLast(100)), duration: .seconds(1))
        #expect(segment.packetCount == bytes.count / 188 - 1)
        #expect(segment.faults.partialPackets == 1 && segment.faults.syncLosses == 0)
    }

    @Test func `bytes between packets are skipped and counted`() throws {
        var source = StreamGenerator()
        var bytes = source.segment(references: 4)
        let count = bytes.count / 188
        bytes.insert(contentsOf: [1, 2, 0x47, 4, 5], at: 188 * 10)
        bytes.insert(contentsOf: [9, 9], at: 0)
        let segment = try TransportSegment(scanning: bytes, duration: .seconds(1))
        #expect(segment.packetCount == count)
        #expect(segment.faults.skippedBytes == 7 && segment.faults.syncLosses == 2)
    }

    @Test func `what is no transport stream is refused by name`() {
        #expect(throws: TransportSegmentError.empty) { try TransportSegment(scanning: [], duration: .zero) }
        for bytes in [Array("<html>not found</html>".utf8), [UInt8](repeating: 0, count: 10_000), [0x47]] {
            #expect(throws: TransportSegmentError.notTransportStream) {
                try TransportSegment(scanning: bytes, duration: .zero)
            }
        }
        #expect(throws: TransportSegmentError.tooLarge(limit: TransportSegment.maximumBytes)) {
            try TransportSegment(
                scanning: [UInt8](repeating: 0x47, count: TransportSegment.maximumBytes + 1), duration: .zero)
        }
    }

    @Test func `tables survive encoding and decoding`() throws {
        let association = ProgramAssociation(transportStreamID: 0xABCD, program: 7, mapPID: 0x1FFE)
        #expect(try ProgramAssociation(decoding: association.encoded(version: 31)) == association)
        let map = ProgramMap(
            program: 7, clockPID: 0x100, descriptors: [5, 1, 2],
            streams: (0..<40).map { ProgramMap.Stream(type: 0x1B, pid: 0x100 + $0, descriptors: [9, 2, 3, 4]) })
        #expect(try ProgramMap(decoding: map.encoded(version: 3)) == map)
    }

    struct RefusedSection: CustomTestStringConvertible {
        let name: String
        let change: @Sendable (inout [UInt8]) -> Void
        let error: SectionError
        var testDescription: String { name }
        init(_ name: String, _ error: SectionError, _ change: @escaping @Sendable (inout [UInt8]) -> Void) {
            self.name = name
            self.change = change
            self.error = error
        }
    }

    private static func sealed(_ section: inout [UInt8]) {
        section.removeLast(4)
        let length = section.count + 4 - 3
        section[1] = 0xB0 | UInt8(length >> 8)
        section[2] = UInt8(length & 255)
        let checksum = SectionChecksum.compute(section)
        section += [
            UInt8(checksum >> 24), UInt8(checksum >> 16 & 255), UInt8(checksum >> 8 & 255), UInt8(checksum & 255),
        ]
    }

    @Test(arguments: [
        RefusedSection("another table", .wrongTable(0x42)) { $0[0] = 0x42 },
        RefusedSection("a flipped bit", .badChecksum) { $0[8] ^= 1 },
        RefusedSection("a wrong length", .malformed) { $0[2] += 1 },
        RefusedSection("cut short", .malformed) { $0.removeLast(8) },
        RefusedSection("no programme", .noProgramme) {
            $0.removeSubrange(8..<12)
            SegmentTests.sealed(&$0)
        },
        RefusedSection("two programmes", .severalProgrammes(2)) {
            $0.insert(contentsOf: [0, 2, 0xE1, 0], at: 8)
            SegmentTests.sealed(&$0)
        },
        RefusedSection("a map on the null PID", .malformed) {
            $0[10] = 0xFF
            $0[11] = 0xFF
            SegmentTests.sealed(&$0)
        },
    ])
    func `a broken association table is refused by name`(_ row: RefusedSection) {
        var section = ProgramAssociation(transportStreamID: 1, program: 1, mapPID: 0x100).encoded(version: 0)
        row.change(&section)
        #expect(throws: row.error) { try ProgramAssociation(decoding: section) }
    }

    @Test func `a map whose descriptors run over its end is refused`() {
        var section = ProgramMap(program: 1, clockPID: 256, streams: [.init(type: 2, pid: 256)]).encoded(version: 0)
        section[16] = 200
        Self.sealed(&section)
        #expect(throws: SectionError.malformed) { try ProgramMap(decoding: section) }
    }

    @Test func `the section checksum is the one of the standard`() {
        #expect(SectionChecksum.compute(Array("123456789".utf8)) == 0x0376_E6E7)
    }

    @Test func `a clock reference survives encoding, and its difference goes the short way round`() {
        for ticks in [0, 1, 299, 300, 27_000_000, ProgramClockReference.modulus - 1] as [Int64] {
            let packet =
                [0x47, 0x01, 0x00, 0x20, 183, 0x10] + ProgramClockReference(ticks: ticks).encoded
                + [UInt8](repeating: 0xFF, count: 176)
            #expect(clockTicks(packet) == ticks)
        }
        let late = ProgramClockReference(ticks: ProgramClockReference.modulus - 5)
        let early = ProgramClockReference(ticks: 5)
        #expect(early - late == 10 && late - early == -10)
    }
}

@Suite struct ContinuityCheckerTests {
    static func packet(_ counter: UInt8, pid: UInt8 = 0x50, flags: UInt8? = nil, hasPayload: Bool = true) -> [UInt8] {
        let control: UInt8 = (hasPayload ? 0x10 : 0) | (flags == nil ? 0 : 0x20)
        let adaptation: [UInt8] = flags.map { [hasPayload ? 1 : 183, $0] } ?? []
        let head: [UInt8] = [0x47, 0, pid, control | counter & 15] + adaptation
        return head + [UInt8](repeating: 0, count: 188 - head.count)
    }

    struct Row: CustomTestStringConvertible {
        let testDescription: String
        let packets: [[UInt8]]
        let errors: UInt64
        let duplicates: UInt64
        init(_ name: String, _ packets: [[UInt8]], errors: UInt64 = 0, duplicates: UInt64 = 0) {
            testDescription = name
            self.packets = packets
            self.errors = errors
            self.duplicates = duplicates
        }
    }

    @Test(arguments: [
        Row("counting round", (0..<40).map { packet($0) }),
        Row("one missing", [packet(1), packet(3), packet(4)], errors: 1),
        Row("one repeated", [packet(1), packet(1), packet(2)], duplicates: 1),
        Row("repeated twice", [packet(1), packet(1), packet(1), packet(2)], errors: 1, duplicates: 1),
        Row("two PIDs do not mix", [packet(1), packet(9, pid: 0x51), packet(2), packet(10, pid: 0x51)]),
        Row("announced", [packet(1), packet(9, flags: 0x80), packet(10)]),
        Row("adaptation only keeps the counter", [packet(1), packet(1, flags: 0, hasPayload: false), packet(2)]),
        Row("adaptation only with a step", [packet(1), packet(2, flags: 0, hasPayload: false), packet(3)], errors: 1),
    ])
    func `continuity is judged as the standard says`(_ row: Row) {
        var checker = ContinuityChecker()
        let bytes = row.packets.flatMap { $0 }
        checker.check(bytes.span.bytes)
        #expect(checker.counters.continuityErrors == row.errors)
        #expect(checker.counters.duplicates == row.duplicates)
        #expect(checker.counters.packets == UInt64(row.packets.count))
    }

    @Test func `null packets have no continuity, and what has no sync byte is counted`() {
        var checker = ContinuityChecker()
        let null = [0x47, 0x1F, 0xFF, 0x15] + [UInt8](repeating: 0, count: 184)
        let bytes = null + null + [UInt8](repeating: 1, count: 200)
        checker.check(bytes.span.bytes)
        #expect(checker.counters.nullPackets == 2 && checker.counters.continuityErrors == 0)
        #expect(checker.counters.syncLosses == 2)
    }
}
