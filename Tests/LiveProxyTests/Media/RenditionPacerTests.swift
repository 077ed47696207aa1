import Clockwork
import LiveProxy
import MPEGTS
import MediaFixtures
import RTP
import Testing

@Suite struct RenditionPacerTests {
    /// Packets a second of the generator: 52 a reference interval with its tables spread over 25 of them.
    let rate = 50 * 25 * 188

    @Test func `a packet with a clock reference begins a train and leaves when the reference says`() throws {
        var source = StreamGenerator()
        var run = PacerRun()
        for _ in 0..<4 { try run.append(source.segment(references: 25)) }
        run.run(until: seconds(1010))
        let origin = try #require(run.sent.first { $0.clock != nil })
        let start = try #require(origin.clock)
        var previous = -1
        for packet in run.sent {
            let isFirst = packet.train != previous
            previous = packet.train
            guard let clock = packet.clock else { continue }
            #expect(isFirst)
            #expect(packet.at - origin.at == .nanoseconds((clock - start) * 1000 / 27))
        }
        #expect(run.sent.filter { $0.clock != nil }.count == 100)
        #expect(run.pacer.counters.stalls == 0 && run.pacer.counters.delays == 0)
    }

    @Test(arguments: [1, 5, 40])
    func `no packet leaves more than a train span before its time`(_ megabits: Int) throws {
        var source = StreamGenerator()
        source.packetsPerReference = megabits * 1_000_000 / 8 / 25 / 188
        var run = PacerRun()
        for _ in 0..<3 { try run.append(source.segment(references: 25)) }
        run.run(until: seconds(1010))
        for packet in run.sent {
            let meant = packet.header.timestamp &- 77
            let left = RTPClock.timestamp(atNanoseconds: packet.at.nanoseconds)
            #expect((0...450).contains(Int32(bitPattern: meant &- left)))
        }
        #expect(run.trains.allSatisfy { (1...49).contains($0.packetCount) })
        if megabits == 40 {
            // 5 ms at 40 Mbit/s are 19 packets.
            #expect(run.trains.map(\.packetCount).max().map { $0 > 15 } == true)
            #expect(run.wakeUps < 3 * 350)
        }
    }

    @Test func `every packet is whole, numbered without a gap over the ring and over the wrap`() throws {
        var source = StreamGenerator()
        var run = PacerRun()
        for _ in 0..<6 { try run.append(source.segment(references: 25)) }
        run.run(until: seconds(1010))
        #expect(run.sent.count > 1000)
        #expect(run.sent.first?.header.sequence == 65_000)
        #expect(zip(run.sent, run.sent.dropFirst()).allSatisfy { $1.header.sequence == $0.header.sequence &+ 1 })
        #expect(run.sent.allSatisfy { $0.header.ssrc == 8 && $0.header.payloadType == 33 })
        #expect(run.sent.filter(\.header.marker).count == 1 && run.sent.first?.header.marker == true)
        #expect(counterBreaks(run.stream).isEmpty)
        let serials = run.stream.filter { $0.pid == 0x100 || $0.pid == 0x101 }.map(\.serial)
        #expect(serials == Array(1...UInt32(6 * 25 * 50)))
        // Only the very last packet had to be filled up.
        #expect(run.pacer.counters.paddingPackets < 7)
    }

    @Test func `the rate over each tenth of a second is the rendition's own`() throws {
        var source = StreamGenerator()
        source.packetsPerReference = 133
        var run = PacerRun()
        for _ in 0..<5 { try run.append(source.segment(references: 25)) }
        run.run(until: seconds(1010))
        let start = try #require(run.sent.first).at
        for window in 0..<40 {
            let from = start + .milliseconds(100 * window)
            let bytes = run.sent.count { $0.at >= from && $0.at < from + .milliseconds(100) } * 7 * 188
            // 133 packets and two of tables per 40 ms, more or less a train.
            let expected = 135 * 188 * 100 / 40
            #expect(abs(bytes - expected) < expected / 10)
        }
    }

    @Test func `after a stall the clock is moved and nothing is caught up`() throws {
        var source = StreamGenerator()
        source.packetsPerReference = 133
        var run = PacerRun()
        try run.append(source.segment(references: 25))
        run.run(until: seconds(1004))
        #expect(run.pacer.deadline == nil)
        // Three seconds late, and then two segments at once.
        for _ in 0..<2 { try run.append(source.segment(references: 25)) }
        run.run(until: seconds(1010))
        #expect(run.pacer.counters.stalls == 1)
        let resumed = run.sent.filter { $0.at >= seconds(1004) }
        #expect(resumed.first.map { $0.at - seconds(1004) } == .milliseconds(50))
        #expect(resumed.filter(\.header.marker).count == 1 && resumed.first?.header.marker == true)
        for window in 0..<20 {
            let from = seconds(1004) + .milliseconds(100 * window)
            let count = resumed.count { $0.at >= from && $0.at < from + .milliseconds(100) }
            #expect(count <= 55, "a burst of \(count) packets in 100 ms, where 48 are due")
        }
        #expect(counterBreaks(run.stream).isEmpty)
        let clocks = run.sent.filter { $0.clock != nil }
        #expect(clocks.count == 75)
        // The first seconds's end was sent on time, not held back for the input that did not come.
        let before = try #require(run.sent.last { $0.at < seconds(1004) })
        #expect(before.at < seconds(1001.1))
    }

    @Test func `a sender that slept moves the clock as well, and a little lateness does not`() throws {
        var source = StreamGenerator()
        source.packetsPerReference = 133
        var run = PacerRun()
        for _ in 0..<4 { try run.append(source.segment(references: 25)) }
        run.latency = { _ in .milliseconds(3) }
        run.run(until: seconds(1001))
        #expect(run.pacer.counters.delays == 0)
        run.latency = { $0 > seconds(1001) && $0 < seconds(1001.01) ? .milliseconds(700) : .zero }
        run.run(until: seconds(1010))
        #expect(run.pacer.counters.delays == 1 && run.pacer.counters.stalls == 0)
        let after = run.sent.filter { $0.at > seconds(1001.5) }
        for window in 0..<10 {
            let from = seconds(1001.5) + .milliseconds(100 * window)
            #expect(after.count { $0.at >= from && $0.at < from + .milliseconds(100) } <= 55)
        }
    }

    @Test func `a successor goes on with numbers, timestamps and counters`() throws {
        var source = StreamGenerator()
        var first = PacerRun()
        for _ in 0..<2 { try first.append(source.segment(references: 25)) }
        first.run(until: seconds(1001.337))
        first.finish()
        let state = first.pacer.continuation
        var second = PacerRun(continuing: state, at: seconds(1003))
        source.clock += 27_000_000 * 5
        source.counters = [:]
        for _ in 0..<2 { try second.append(source.segment(references: 25)) }
        second.run(until: seconds(1010))
        let all = first.sent + second.sent
        #expect(zip(all, all.dropFirst()).allSatisfy { $1.header.sequence == $0.header.sequence &+ 1 })
        #expect(Set(all.map(\.header.ssrc)).count == 1)
        #expect(counterBreaks(first.stream + second.stream).isEmpty)
        #expect(second.stream.filter(\.isDiscontinuous).count == 1)
        // Timestamps are of the same clock: what passed between two packets is what they say.
        let (last, next) = (try #require(first.sent.last), try #require(second.sent.first))
        #expect(next.header.marker)
        let elapsed = next.header.timestamp &- RTPClock.timestamp(atNanoseconds: next.at.nanoseconds)
        #expect(elapsed == 77)
        #expect(next.header.timestamp &- last.header.timestamp < 3 * 90_000)
    }

    @Test func `a successor of a sender that was killed leaves a loss, never a false continuation`() throws {
        var source = StreamGenerator()
        var first = PacerRun()
        for _ in 0..<2 { try first.append(source.segment(references: 25)) }
        first.run(until: seconds(1001.337))
        var second = PacerRun(continuing: first.pacer.continuation, at: seconds(1003))
        for _ in 0..<2 { try second.append(source.segment(references: 25)) }
        second.run(until: seconds(1010))
        let (last, next) = (try #require(first.sent.last), try #require(second.sent.first))
        #expect((1...50).contains(next.header.sequence.sequenceDistance(from: last.header.sequence)))
    }

    @Test func `a record says what the continuation says, and a damaged one says nothing`() throws {
        var source = StreamGenerator()
        var run = PacerRun()
        var buffer = [UInt8](repeating: 0, count: RenditionRecord.maximumSize)
        for _ in 0..<3 { try run.append(source.segment(references: 25)) }
        for step in 1..<20 {
            run.run(until: seconds(1000 + Double(step) * 0.1))
            let count = RenditionRecord.encode(run.pacer, into: &buffer)
            #expect(RenditionRecord.decode(Array(buffer[..<count])) == run.pacer.continuation)
        }
        let record = Array(buffer[..<RenditionRecord.encode(run.pacer, into: &buffer)])
        for index in record.indices {
            var damaged = record
            damaged[index] ^= 0x10
            #expect(RenditionRecord.decode(damaged) == nil)
        }
        #expect(RenditionRecord.decode(Array(record.dropLast())) == nil)
        #expect(RenditionRecord.decode([]) == nil)
        #expect(RenditionRecord.decode([UInt8](repeating: 0, count: 500)) == nil)
    }

    @Test func `a record of a stream with too many PIDs keeps as many as it may`() throws {
        var source = StreamGenerator()
        var bytes = source.tables()
        for pid in 0x100..<0x200 as Range<UInt16> { bytes += source.packet(pid: pid, clock: Int64(pid) * 2700) }
        var run = PacerRun()
        try run.append(bytes)
        run.run(until: seconds(1010))
        var buffer = [UInt8](repeating: 0, count: RenditionRecord.maximumSize)
        let count = RenditionRecord.encode(run.pacer, into: &buffer)
        #expect(count == RenditionRecord.maximumSize)
        let state = try #require(RenditionRecord.decode(buffer))
        #expect(state.continuity.counters.count == RenditionRecord.maximumCounters)
    }

    @Test func `lost media is silence on the wire, and what was before it leaves in time`() throws {
        var source = StreamGenerator()
        var run = PacerRun()
        try run.append(source.segment(references: 25))
        _ = source.segment(references: 50)
        try run.append(source.segment(references: 25), missingBefore: .seconds(2))
        run.run(until: seconds(1010))
        let pauses = zip(run.sent, run.sent.dropFirst()).map { $1.at - $0.at }.filter { $0 > .milliseconds(50) }
        #expect(pauses.count == 1)
        #expect(pauses.allSatisfy { abs(($0 - .seconds(2)).seconds) < 0.02 })
        #expect(run.pacer.counters.stalls == 0)
        #expect(counterBreaks(run.stream).isEmpty)
    }

    @Test func `fresh states have even sources and differ`() {
        var generator = SeededGenerator(seed: 1)
        let epoch = UnixTime(milliseconds: 0)
        let states = (0..<100).map { _ in RenditionState(using: &generator, now: .zero, wallNow: epoch) }
        #expect(states.allSatisfy { $0.ssrc & 1 == 0 })
        #expect(Set(states).count == 100)
    }

    @Test func `timestamps of a fresh stream are the calendar, whatever the sender's own clock says`() throws {
        var generator = SeededGenerator(seed: 2)
        for offset in [0, 1_790_000_000_000, 1_890_123_456_789] as [Int64] {
            var source = StreamGenerator()
            // The run's clock begins at 1000 s.
            let wallAtStart = UnixTime(milliseconds: offset + 1_000_000)
            var run = PacerRun(
                continuing: RenditionState(
                    using: &generator, now: Instant(nanoseconds: 1_000_000_000_000), wallNow: wallAtStart))
            try run.append(source.segment(references: 25))
            run.run(until: seconds(1002))
            let first = try #require(run.sent.first)
            let calendar = UInt32(truncatingIfNeeded: (offset + first.at.nanoseconds / 1_000_000) * 90)
            #expect(abs(Int32(truncatingIfNeeded: Int64(calendar) - Int64(first.header.timestamp))) <= 90)
        }
    }

    @Test(arguments: 0..<30)
    func `whatever input comes when, packets leave in order, numbered, and never in a burst`(_ seed: Int) throws {
        var chance = SeededGenerator(seed: UInt64(seed))
        var source = StreamGenerator()
        source.packetsPerReference = Int.random(in: 3...400, using: &chance)
        source.nullEvery = Int.random(in: 0...9, using: &chance)
        source.hasClock = seed % 7 != 0
        var run = PacerRun()
        let latency = Int64.random(in: 0...20_000_000, using: &chance)
        run.latency = { $0.nanoseconds % 7 == 0 ? .nanoseconds(latency) : .zero }
        for _ in 0..<8 {
            var bytes = source.segment(references: 12)
            if Int.random(in: 0..<4, using: &chance) == 0 { bytes.removeLast(Int.random(in: 1...3000, using: &chance)) }
            if Int.random(in: 0..<4, using: &chance) == 0 {
                source.clock += Int64.random(in: 0...1 << 33, using: &chance)
            }
            try run.append(bytes, isDiscontinuous: Int.random(in: 0..<4, using: &chance) == 0)
            run.run(until: run.now + chance.duration(upTo: .seconds(2)))
        }
        run.run(until: run.now + .seconds(20))
        run.finish()
        #expect(run.pacer.deadline == nil && run.pacer.queuedBytes == 0)
        #expect(zip(run.sent, run.sent.dropFirst()).allSatisfy { $1.header.sequence == $0.header.sequence &+ 1 })
        #expect(zip(run.sent, run.sent.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(run.trains.allSatisfy { $0.packetCount <= RenditionPacer.packetsPerTrain })
        // A wake-up late by `lateness` and a train span is the most that may leave at once.
        let perInstant = Dictionary(grouping: run.sent, by: \.at).values.map(\.count).max() ?? 0
        let duration = source.hasClock ? 40.0 : 1000.0 / 12
        let most = Double(source.packetsPerReference + 4) / 7 / duration * 35 + 4
        #expect(Double(perInstant) <= most, "\(perInstant) packets at once")
    }
}
