import Clockwork
import RTP
import Testing

func header(_ sequence: Int, timestamp: UInt32 = 0, ssrc: UInt32 = 2) -> RTPHeader {
    RTPHeader(
        payloadType: 33, sequence: UInt16(truncatingIfNeeded: sequence), timestamp: timestamp, ssrc: ssrc)
}

func milliseconds(_ value: Int64) -> Instant { Instant(nanoseconds: value * 1_000_000) }

@Suite struct ReceiverStatisticsTests {
    @Test func `losses, late packets and duplicates are told apart over a wrap`() {
        var statistics = ReceiverStatistics()
        let order = [65_530, 65_531, 65_533, 65_532, 65_533, 65_536, 65_537, 65_537, 65_535, 65_540]
        let verdicts = order.map { statistics.receive(header($0), arrival: .zero) }
        #expect(verdicts.filter { $0 == .duplicate }.count == 2)
        #expect(statistics.counters.packets == 8)
        #expect(statistics.counters.duplicates == 2 && statistics.counters.reordered == 2)
        #expect(statistics.expected == 11)
        // 65534, 65538 and 65539.
        #expect(statistics.lost == 3)
        let sequences = verdicts.compactMap { if case .accepted(let sequence) = $0 { sequence } else { nil } }
        #expect(sequences.map { $0 - sequences[0] } == [0, 1, 3, 2, 6, 7, 5, 10])
    }

    @Test func `a first packet on a slower path is not too late`() {
        var statistics = ReceiverStatistics()
        for sequence in [11, 12, 10, 13] { _ = statistics.receive(header(sequence), arrival: .zero) }
        #expect(statistics.expected == 4 && statistics.lost == 0 && statistics.counters.tooLate == 0)
        for sequence in 14..<30 { _ = statistics.receive(header(sequence), arrival: .zero) }
        #expect(statistics.receive(header(9), arrival: .zero) == .tooLate)
    }

    @Test func `a jump begins anew only when a second packet confirms it`() {
        var statistics = ReceiverStatistics()
        for sequence in 0..<10 { _ = statistics.receive(header(sequence), arrival: .zero) }
        #expect(statistics.receive(header(20_000), arrival: .zero) == .unconfirmed)
        #expect(statistics.receive(header(10), arrival: .zero) != .unconfirmed)
        #expect(statistics.receive(header(20_001), arrival: .zero) == .unconfirmed)
        guard case .restarted = statistics.receive(header(20_002), arrival: .zero) else {
            Issue.record("two packets in sequence did not confirm the jump")
            return
        }
        #expect(statistics.counters.restarts == 1)
        #expect(statistics.lost == 0 && statistics.expected == 12)
    }

    @Test func `another sender is ignored while ours is alive, and followed once it is silent`() {
        var statistics = ReceiverStatistics()
        _ = statistics.receive(header(1), arrival: milliseconds(0))
        #expect(statistics.receive(header(900, ssrc: 3), arrival: milliseconds(400)) == .foreign)
        #expect(statistics.ssrc == 2 && statistics.counters.foreign == 1)
        guard case .restarted = statistics.receive(header(901, ssrc: 3), arrival: milliseconds(500)) else {
            Issue.record("the new sender was not followed")
            return
        }
        #expect(statistics.ssrc == 3 && statistics.lost == 0)
    }

    @Test func `jitter follows the recurrence of RFC 3550`() {
        var statistics = ReceiverStatistics()
        // Sent every 10 ms, arriving every second time 4 ms late: differences of 4 ms = 360 units.
        for index in 0..<400 {
            let arrival = milliseconds(Int64(index * 10 + (index % 2) * 4))
            _ = statistics.receive(header(index, timestamp: UInt32(index * 900)), arrival: arrival)
        }
        #expect(abs(statistics.jitter.seconds - 0.004) < 0.0001)
        var steady = ReceiverStatistics()
        for index in 0..<100 {
            _ = steady.receive(
                header(index, timestamp: UInt32(truncatingIfNeeded: index * 900 - 5000)),
                arrival: milliseconds(Int64(index * 10)))
        }
        #expect(steady.jitter == .zero)
    }
}

/// Everything a lossy network delivers, put through statistics and buffer.
struct ReceivingEnd {
    var statistics = ReceiverStatistics()
    var buffer = ReorderBuffer(capacity: 64, slotSize: 8, holdTime: .milliseconds(50))
    var delivered: [Int] = []

    mutating func take(_ number: Int, at now: Instant) {
        release(now)
        let bytes = withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
        var out: [Int] = []
        switch statistics.receive(header(number), arrival: now) {
        case .accepted(let sequence):
            buffer.insert(bytes.span.bytes, sequence: sequence, now: now) { out.append(Self.number($0)) }
        case .restarted(let sequence):
            buffer.flush { out.append(Self.number($0)) }
            buffer.insert(bytes.span.bytes, sequence: sequence, now: now) { out.append(Self.number($0)) }
        case .duplicate, .tooLate, .foreign, .unconfirmed: break
        }
        delivered += out
    }

    mutating func release(_ now: Instant) {
        var out: [Int] = []
        buffer.release(now: now) { out.append(Self.number($0)) }
        delivered += out
    }

    private static func number(_ payload: RawSpan) -> Int {
        payload.withUnsafeBytes { $0.reduce(0) { $0 << 8 | Int($1) } }
    }
}

@Suite struct ReorderBufferTests {
    @Test func `packets come out in order however they came in`() {
        var end = ReceivingEnd()
        for number in [3, 1, 2, 4, 6, 5, 8, 7, 10, 9, 11] { end.take(number, at: .zero) }
        #expect(end.delivered == Array(1...11))
        #expect(end.buffer.deadline == nil)
    }

    @Test func `a missing packet is waited for, but no longer than the hold time`() {
        var end = ReceivingEnd()
        for number in 1...10 { end.take(number, at: .zero) }
        end.take(12, at: milliseconds(10))
        end.take(13, at: milliseconds(20))
        #expect(end.delivered == Array(1...10))
        #expect(end.buffer.deadline == milliseconds(60))
        end.release(milliseconds(60))
        #expect(end.delivered == Array(1...10) + [12, 13])
        end.take(11, at: milliseconds(61))
        #expect(end.delivered.last == 13)
        #expect(end.buffer.counters.skipped == 1 && end.buffer.counters.tooLate == 1)
    }

    @Test func `the window is bounded`() {
        var end = ReceivingEnd()
        for number in 1...10 { end.take(number, at: .zero) }
        for number in 12...75 { end.take(number, at: .zero) }
        // Sixty-four behind the gap: the buffer is full and gives number 11 up.
        #expect(end.delivered == Array(1...10) + Array(12...75))
        end.take(2000, at: .zero)
        #expect(end.delivered.last == 2000)
        #expect(end.buffer.counters.skipped == 1 + 1924)
    }

    @Test func `what is too large for a slot is dropped and counted`() {
        var buffer = ReorderBuffer(capacity: 16, slotSize: 8)
        let bytes = [UInt8](repeating: 0, count: 9)
        buffer.insert(bytes.span.bytes, sequence: 1, now: .zero) { _ in Issue.record("delivered") }
        #expect(buffer.counters.tooLarge == 1)
    }

    @Test func `the beginning waits for a slow first packet, but not for ever`() {
        var end = ReceivingEnd()
        end.take(5, at: .zero)
        #expect(end.delivered.isEmpty && end.buffer.deadline == milliseconds(50))
        end.take(4, at: milliseconds(3))
        end.release(milliseconds(50))
        #expect(end.delivered == [4, 5])
    }

    @Test(arguments: 0..<40)
    func `a network that loses, delays and repeats is counted exactly`(_ seed: Int) {
        var chance = SeededGenerator(seed: UInt64(seed))
        let start = Int.random(in: 0...65_535, using: &chance)
        let (loss, repetition) = (Int.random(in: 0...20, using: &chance), Int.random(in: 0...10, using: &chance))
        let delay = Int64.random(in: 0...30, using: &chance)
        var arrivals: [(at: Instant, number: Int)] = []
        var lost = 0
        let count = 3000
        for index in 0..<count {
            let isEdge = index < 10 || index == count - 1
            if !isEdge, Int.random(in: 0..<100, using: &chance) < loss {
                lost += 1
                continue
            }
            let copies = Int.random(in: 0..<100, using: &chance) < repetition ? 2 : 1
            for _ in 0..<copies {
                let extra = isEdge ? 0 : Int64.random(in: 0...delay, using: &chance)
                arrivals.append((milliseconds(Int64(index * 2) + extra), start + index))
            }
        }
        arrivals.sort { ($0.at, $0.number) < ($1.at, $1.number) }
        var end = ReceivingEnd()
        for arrival in arrivals { end.take(arrival.number, at: arrival.at) }
        end.release(.distantFuture)
        #expect(end.statistics.lost == UInt64(lost))
        #expect(end.statistics.counters.packets == UInt64(count - lost))
        #expect(end.statistics.counters.duplicates == UInt64(arrivals.count - (count - lost)))
        #expect(end.buffer.counters.skipped == UInt64(lost))
        #expect(end.delivered == Set(arrivals.map(\.number)).sorted())
    }
}
