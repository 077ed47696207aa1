import Clockwork
import MPEGTS
import MediaFixtures
import Testing

@Suite struct ConditionerTests {
    let video = StreamGenerator.videoPID
    let audio = StreamGenerator.audioPID
    let map = StreamGenerator.mapPID

    @Test func `counters run on over segments whose own begin anywhere`() throws {
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        for start in [0, 7, 3, 15] as [UInt8] {
            source.counters = [0: start, map: start &+ 1 & 15, video: start, audio: start &+ 5 & 15]
            try conditioner.take(source.segment(references: 25))
        }
        let packets = conditioner.drain(extrapolating: true)
        #expect(counterBreaks(packets).isEmpty)
        let serials = packets.filter { $0.pid == video || $0.pid == audio }.map(\.serial)
        #expect(serials == Array(1...UInt32(4 * 25 * 50)))
        #expect(conditioner.counters.sourceContinuityErrors == 0 && conditioner.counters.clockDiscontinuities == 0)
        #expect(conditioner.queuedBytes == 0)
    }

    @Test func `packets between two clock references are spread evenly, and each reference is on time`() throws {
        var source = StreamGenerator()
        source.clock = ProgramClockReference.modulus - 10 * source.ticksPerReference
        var conditioner = TransportStreamConditioner()
        let first = source.clock
        try conditioner.take(source.segment(references: 20))
        // The rate doubles.
        source.ticksPerReference /= 2
        try conditioner.take(source.segment(references: 20))
        let packets = conditioner.drain()
        for packet in packets {
            guard let clock = packet.clock else { continue }
            let elapsed = (clock - first + ProgramClockReference.modulus) % ProgramClockReference.modulus
            #expect(packet.time == elapsed * 1000 / 27)
        }
        let times = packets.filter { $0.pid == video || $0.pid == audio }.map(\.time)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 >= $0 && $1 - $0 <= 2_400_000 })
        #expect(times[25] == 20_000_000)
        #expect(packets.filter(\.isDiscontinuous).isEmpty)
    }

    @Test func `tables come first, and again within every 100 ms of the programme's clock`() throws {
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        for _ in 0..<5 { try conditioner.take(source.segment(references: 50)) }
        let packets = conditioner.drain(extrapolating: true)
        #expect(packets.prefix(3).map(\.pid) == [0, map, video])
        for pid in [0, map] {
            let times = packets.filter { $0.pid == pid }.map(\.time)
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 100_000_000 })
            #expect((125...150).contains(times.count))
        }
        #expect(counterBreaks(packets).isEmpty)
        let association = try ProgramAssociation(decoding: Array(packets[0].bytes[5..<21]))
        #expect(association == ProgramAssociation(transportStreamID: 1, program: 1, mapPID: map))
    }

    @Test func `tables too long for a packet are sent whole`() throws {
        var source = StreamGenerator()
        source.mapDescriptors = [0x05, 250] + [UInt8](repeating: 0x41, count: 250)
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        let packets = conditioner.drain()
        #expect(packets.prefix(4).map(\.pid) == [0, map, map, video])
        #expect(counterBreaks(packets).isEmpty)
    }

    @Test func `a table's version steps exactly when what it says has changed`() throws {
        func versions(_ packets: [TakenPacket]) -> [UInt8] {
            packets.filter { $0.pid == map && $0.bytes[1] & 0x40 != 0 }.map { $0.bytes[10] >> 1 & 31 }
        }
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        try conditioner.take(source.segment(references: 25))
        source.mapDescriptors = [0x05, 1, 0x41]
        try conditioner.take(source.segment(references: 25), isDiscontinuous: true)
        let packets = conditioner.drain(extrapolating: true)
        let seen = versions(packets)
        #expect(Set(seen) == [0, 1] && seen == seen.sorted())
        // The new one stands before the first packet of the new segment.
        let change = try #require(packets.firstIndex { $0.pid == map && $0.bytes[10] >> 1 & 31 == 1 })
        #expect(packets[change + 1].serial == 2 * 25 * 50 + 1)

        var unchanged = TransportStreamConditioner(continuing: conditioner.state)
        try unchanged.take(source.segment(references: 25))
        #expect(Set(versions(unchanged.drain())) == [1])
        var changed = TransportStreamConditioner(continuing: conditioner.state)
        source.mapDescriptors = []
        try changed.take(source.segment(references: 25))
        #expect(Set(versions(changed.drain())) == [2])
    }

    @Test func `null packets are left out and their time is kept`() throws {
        var source = StreamGenerator()
        source.nullEvery = 7
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        let packets = conditioner.drain()
        #expect(!packets.contains { $0.pid == TransportPacket.nullPID })
        #expect(conditioner.counters.nullPacketsDropped >= 24 * 7)
        // The packet after the first null packet is the eighth after the reference.
        let times = packets.filter { $0.pid == video || $0.pid == audio }.map(\.time)
        #expect(times[7] == 8 * 40_000_000 / 50)
    }

    @Test(arguments: [Int64(3_600 * 27_000_000), -27_000_000, 54_000_000])
    func `a jump of the clock is announced once and takes no time`(_ jump: Int64) throws {
        var source = StreamGenerator()
        source.clock = 27_000_000 * 100
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        source.clock += jump
        try conditioner.take(source.segment(references: 25))
        let packets = conditioner.drain(extrapolating: true)
        let announced = packets.filter(\.isDiscontinuous)
        #expect(announced.count == 1 && announced.first?.clock == 27_000_000 * 101 + jump)
        #expect(conditioner.counters.clockDiscontinuities == 1)
        #expect(counterBreaks(packets).isEmpty)
        #expect(zip(packets, packets.dropFirst()).allSatisfy { (0...2_000_000).contains($1.time - $0.time) })
        let last = try #require(packets.last)
        #expect(abs(last.time - 2_000_000_000) < 10_000_000)
    }

    @Test func `a playlist's discontinuity is announced even where the clock happens to fit`() throws {
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 5))
        try conditioner.take(source.segment(references: 5), isDiscontinuous: true)
        #expect(conditioner.drain(extrapolating: true).filter(\.isDiscontinuous).count == 1)
    }

    @Test func `a lost segment is kept as silence, and the packets before it keep their pace`() throws {
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        _ = source.segment(references: 50)
        try conditioner.take(source.segment(references: 25), missingBefore: .seconds(2))
        let packets = conditioner.drain(extrapolating: true)
        #expect(conditioner.counters.silences == 1 && conditioner.counters.clockDiscontinuities == 0)
        #expect(packets.filter(\.isDiscontinuous).isEmpty)
        let pauses = zip(packets, packets.dropFirst()).map { $1.time - $0.time }.filter { $0 > 5_000_000 }
        #expect(pauses.count == 1 && pauses.allSatisfy { abs($0 - 2_000_000_000) < 5_000_000 })
        let resumed = try #require(packets.last { $0.clock != nil })
        #expect(resumed.time == 3_960_000_000)
    }

    @Test func `a hole too long for silence is cut out and announced`() throws {
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        source.clock += 27_000_000 * 60
        try conditioner.take(source.segment(references: 25), missingBefore: .seconds(60))
        let packets = conditioner.drain(extrapolating: true)
        #expect(conditioner.counters.silences == 0 && conditioner.counters.clockDiscontinuities == 1)
        #expect(zip(packets, packets.dropFirst()).allSatisfy { $1.time - $0.time < 5_000_000 })
    }

    @Test func `a segment without a clock is spread over its duration and counted`() throws {
        var source = StreamGenerator()
        source.hasClock = false
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25), duration: .seconds(2))
        try conditioner.take(source.segment(references: 25), duration: .seconds(2))
        let packets = conditioner.drain()
        #expect(conditioner.counters.segmentsWithoutClock == 2)
        let last = try #require(packets.last)
        #expect(abs(last.time - 4_000_000_000) < 10_000_000)
        source.hasClock = true
        try conditioner.take(source.segment(references: 25))
        #expect(conditioner.drain().filter(\.isDiscontinuous).isEmpty)
    }

    @Test func `a clock on another PID than the map names is used and counted`() throws {
        var source = StreamGenerator()
        var bytes = source.tables()
        for index in 0..<50 { bytes += source.packet(pid: audio, clock: Int64(index) * 270_000) }
        var conditioner = TransportStreamConditioner()
        try conditioner.take(bytes)
        let packets = conditioner.drain(extrapolating: true)
        #expect(conditioner.counters.segmentsWithMisplacedClock == 1)
        #expect(packets.last?.time == 490_000_000)
    }

    @Test func `what the source lost or repeated inside a segment stays visible`() throws {
        var source = StreamGenerator()
        var bytes = source.segment(references: 10)
        // The fifth packet is lost, the eighth comes twice; both are video.
        let repeated = Array(bytes[(188 * 8)..<(188 * 9)])
        bytes.insert(contentsOf: repeated, at: 188 * 9)
        bytes.removeSubrange((188 * 5)..<(188 * 6))
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 10))
        try conditioner.take(bytes)
        let packets = conditioner.drain(extrapolating: true)
        #expect(conditioner.counters.sourceContinuityErrors == 1)
        var checker = ContinuityChecker()
        for packet in packets { checker.check(packet.bytes.span.bytes) }
        #expect(checker.counters.continuityErrors == 1 && checker.counters.duplicates == 1)
    }

    @Test func `packets the source marks as damaged are dropped and counted`() throws {
        var source = StreamGenerator()
        var bytes = source.segment(references: 5)
        bytes[188 * 20 + 1] |= 0x80
        var conditioner = TransportStreamConditioner()
        try conditioner.take(bytes)
        let packets = conditioner.drain(extrapolating: true)
        #expect(conditioner.counters.transportErrors == 1)
        #expect(!packets.contains { $0.bytes[1] & 0x80 != 0 })
    }

    @Test func `a restarted sender goes on with every counter and announces the new clock`() throws {
        var source = StreamGenerator()
        var first = TransportStreamConditioner()
        try first.take(source.segment(references: 25))
        let before = first.drain(extrapolating: true)
        var second = TransportStreamConditioner(continuing: first.state)
        source.counters = [:]
        source.clock += 27_000_000 * 7
        try second.take(source.segment(references: 25))
        let after = second.drain(extrapolating: true)
        #expect(counterBreaks(before + after).isEmpty)
        #expect(after.filter(\.isDiscontinuous).count == 1)
        #expect(after.first { $0.clock != nil }?.isDiscontinuous == true)
    }

    @Test func `nothing goes out whose time is not known yet, unless it must`() throws {
        var source = StreamGenerator()
        var conditioner = TransportStreamConditioner()
        try conditioner.take(source.segment(references: 25))
        let known = conditioner.drain()
        #expect(known.last?.clock == 24 * source.ticksPerReference)
        let rest = conditioner.drain(extrapolating: true)
        #expect(rest.count >= 49)
        let end = try #require(rest.last)
        #expect(abs(end.time - 1_000_000_000) < 2_000_000)
    }

    @Test(arguments: 0..<60)
    func `no damage to a segment traps, or makes the output anything but whole packets in order`(_ seed: Int) throws {
        var chance = SeededGenerator(seed: UInt64(seed))
        var source = StreamGenerator()
        source.nullEvery = 11
        var conditioner = TransportStreamConditioner()
        for _ in 0..<6 {
            var bytes = source.segment(references: 8)
            for _ in 0..<Int.random(in: 0...40, using: &chance) {
                let index = Int.random(in: 0..<bytes.count, using: &chance)
                switch Int.random(in: 0..<5, using: &chance) {
                case 0: bytes.remove(at: index)
                case 1: bytes.insert(UInt8.random(in: .min ... .max, using: &chance), at: index)
                case 2: bytes[index / 188 * 188 + 4] = UInt8.random(in: .min ... .max, using: &chance)
                case 3: bytes[index] = UInt8.random(in: .min ... .max, using: &chance)
                default: bytes.removeSubrange(index..<min(index + 500, bytes.count))
                }
            }
            guard
                let segment = try? TransportSegment(
                    scanning: bytes, duration: .milliseconds(320), isDiscontinuous: Bool.random(using: &chance))
            else { continue }
            conditioner.append(segment)
        }
        let packets = conditioner.drain(extrapolating: true)
        #expect(packets.count > 500)
        #expect(packets.allSatisfy { $0.bytes[0] == 0x47 })
        #expect(zip(packets, packets.dropFirst()).allSatisfy { $0.time <= $1.time })
        #expect(conditioner.queuedBytes == 0)
    }
}
