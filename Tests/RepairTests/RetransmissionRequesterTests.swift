import Clockwork
import RTP
import Repair
import Testing

private let start = Instant(nanoseconds: 1_000_000_000)
private let first: Int64 = 4_294_967_296 + 65_530

@Suite struct RetransmissionRequesterTests {
    private final class Asking {
        var requester: RetransmissionRequester
        var pairs: [NACKPair] = []

        init(_ change: (inout RetransmissionRequester.Configuration) -> Void = { _ in }, seed: UInt64 = 1) {
            var configuration = RetransmissionRequester.Configuration()
            change(&configuration)
            requester = RetransmissionRequester(configuration: configuration, seed: seed)
        }

        func note(_ sequences: Int64..., at now: Instant = start) {
            for sequence in sequences { requester.note(sequence, now: now) }
        }

        /// What is asked for at the next deadline, with its time.
        func next() -> (lost: [UInt16], at: Instant)? {
            while let deadline = requester.deadline {
                let isAsking = requester.takeDue(now: deadline, into: &pairs)
                if isAsking { return (lost, deadline) }
            }
            return nil
        }

        var lost: [UInt16] {
            var lost: [UInt16] = []
            for pair in pairs { pair.forEachSequence { lost.append($0) } }
            return lost
        }
    }

    @Test func `a gap is asked for as a whole after a short random pause`() throws {
        var times: Set<Int64> = []
        for seed in 1...50 as ClosedRange<UInt64> {
            let asking = Asking(seed: seed)
            asking.note(first, first + 40)
            let request = try #require(asking.next())
            #expect(request.lost == (1...39).map { UInt16(truncatingIfNeeded: first + $0) })
            let pause = (request.at - start).nanoseconds
            #expect(pause >= 5_000_000 && pause <= 15_000_000)
            times.insert(pause / 1_000_000)
        }
        #expect(times.count >= 8, "the pauses are the same: \(times)")
    }

    @Test func `what was only overtaken is not asked for`() {
        let asking = Asking()
        asking.note(first, first + 2)
        asking.note(first + 1, at: start + .milliseconds(4))
        #expect(asking.requester.deadline == nil)
        #expect(asking.next() == nil && asking.requester.counters.asked == 0)
    }

    @Test func `it asks until the packet is too late, and no longer`() {
        let asking = Asking { $0.latency = .milliseconds(300) }
        asking.note(first, first + 2)
        var times: [Instant] = []
        while let request = asking.next() { times.append(request.at) }
        #expect(times.count >= 4 && times.count <= 6, "\(times)")
        for (earlier, later) in zip(times, times.dropFirst()) {
            #expect(later - earlier >= .milliseconds(60) && later - earlier <= .milliseconds(78))
        }
        #expect(times.allSatisfy { $0 < start + .milliseconds(300) })
        #expect(asking.requester.counters.givenUp == 1 && asking.requester.outstanding == 0)
        #expect(asking.requester.counters.asked == UInt64(times.count))
    }

    @Test func `the pause between requests follows the round trip`() throws {
        let asking = Asking { $0.latency = .seconds(5) }
        var now = start
        for index in 0..<50 as Range<Int64> {
            asking.note(first + 2 * index, at: now)
            if let request = asking.next() {
                now = request.at + .milliseconds(40)
                asking.requester.resolve(first + 2 * index - 1, by: .retransmission, now: now)
            }
        }
        let roundTrip = try #require(asking.requester.roundTrip)
        #expect(abs((roundTrip - .milliseconds(40)).nanoseconds) < 1_000_000)
        asking.note(first + 200, at: now)
        let one = try #require(asking.next())
        let two = try #require(asking.next())
        #expect(two.at - one.at >= .milliseconds(40) && two.at - one.at <= .milliseconds(55), "\(two.at - one.at)")
    }

    @Test func `what parity mends is not asked for again`() throws {
        let asking = Asking()
        asking.note(first, first + 3)
        #expect(try #require(asking.next()).lost.count == 2)
        asking.requester.resolve(first + 1, by: .other, now: start + .milliseconds(30))
        #expect(try #require(asking.next()).lost == [UInt16(truncatingIfNeeded: first + 2)])
        #expect(asking.requester.roundTrip == nil)
    }

    @Test func `of a gap longer than the window the newest are asked for`() throws {
        let asking = Asking { $0.window = 64 }
        asking.note(first, first + 1000)
        #expect(try #require(asking.next()).lost.count == 32)
        #expect(asking.requester.counters.beyondWindow == 999 - 32)
        asking.note(first + 1040)
        #expect(try #require(asking.next()).lost.contains(UInt16(truncatingIfNeeded: first + 1039)))
        asking.requester.reset()
        #expect(asking.requester.deadline == nil)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `any loss, disorder and delay end with nothing outstanding`(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        let asking = Asking({ $0.window = 256 }, seed: seed)
        var now = start
        var repairs: [(sequence: Int64, at: Instant)] = []
        for sequence in first..<(first + 20_000) {
            now = now + .microseconds(500)
            for due in repairs where due.at <= now {
                asking.requester.resolve(due.sequence, by: .retransmission, now: now)
            }
            repairs.removeAll { $0.at <= now }
            if Int.random(in: 0..<100, using: &chance) >= 10 {
                asking.note(sequence - (Int.random(in: 0..<50, using: &chance) == 0 ? 3 : 0), at: now)
            }
            guard let deadline = asking.requester.deadline, deadline <= now else { continue }
            let isAsking = asking.requester.takeDue(now: now, into: &asking.pairs)
            for lost in isAsking ? asking.lost : [] where Int.random(in: 0..<10, using: &chance) > 0 {
                let number = sequence + Int64(lost.sequenceDistance(from: UInt16(truncatingIfNeeded: sequence)))
                repairs.append((number, now + chance.duration(upTo: .milliseconds(30))))
            }
            #expect(asking.requester.outstanding <= 256)
        }
        while asking.next() != nil {}
        #expect(asking.requester.outstanding == 0)
        #expect(asking.requester.counters.missing > 1500 && asking.requester.counters.givenUp < 100)
    }
}
