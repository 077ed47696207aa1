import Clockwork
import MPEGTS
import MediaFixtures
import Testing
import UnicastDelivery

@Suite struct CuttingTests {
    @Test(arguments: 0..<40)
    func `points that begin at different times cut and number alike`(_ seed: Int) {
        var chance = SeededGenerator(seed: UInt64(seed))
        var broadcast = Broadcast()
        broadcast.framesPerAccess = Int.random(in: 5...120, using: &chance)
        broadcast.tablesBeforeAccess = Bool.random(using: &chance)
        var configuration = RingIndex.Configuration(window: .seconds(600))
        configuration.segment = .milliseconds(Int64.random(in: 900...6000, using: &chance))
        var early = Recording(configuration)
        var late = Recording(configuration)
        early.calendarError = .seconds(Int64.random(in: -3000...3000, using: &chance))
        late.calendarError = .seconds(Int64.random(in: -3000...3000, using: &chance))
        let begin = Int.random(in: 1...200, using: &chance)
        let discontinuity = Int.random(in: 0..<2, using: &chance) == 0 ? 0 : begin + 400
        for frame in 0..<1000 {
            let isDiscontinuous = frame == discontinuity && frame > 0
            if isDiscontinuous { broadcast.source.clock += 27_000_000 * 500 }
            for datagram in broadcast.next(isDiscontinuous: isDiscontinuous) {
                early.take(datagram)
                if frame >= begin { late.take(datagram) }
            }
        }
        // The first segment of whoever came late is a tail of the other's.
        let common = late.index.segments.dropFirst()
        #expect(common.count >= 3, "seed \(seed)")
        for segment in common {
            guard let other = early.index.segment(segment.number) else {
                Issue.record("seed \(seed): number \(segment.number) is missing")
                continue
            }
            let isSame = late.bytes(of: segment) == early.bytes(of: other)
            #expect(isSame, "seed \(seed): \(segment.number) \(segment.range) \(other.range)")
            #expect((segment.begin, segment.end) == (other.begin, other.end), "seed \(seed)")
            #expect(segment.isDiscontinuous == other.isDiscontinuous, "seed \(seed)")
        }
        let numbers = early.index.segments.map(\.number)
        #expect(numbers == Array((numbers.first ?? 0)..<((numbers.first ?? 0) + Int64(numbers.count))))
    }

    @Test(arguments: 0..<20)
    func `segments join without a hole, none is longer than two lengths, and each begins with tables and a picture`(
        _ seed: Int
    ) {
        var chance = SeededGenerator(seed: UInt64(seed))
        var broadcast = Broadcast()
        broadcast.framesPerAccess = Int.random(in: 5...60, using: &chance)
        broadcast.tablesBeforeAccess = seed % 2 == 0
        var recording = Recording(RingIndex.Configuration(segment: .seconds(3), window: .seconds(600)))
        for frame in 0..<1500 {
            let isDiscontinuous = frame > 0 && Int.random(in: 0..<300, using: &chance) == 0
            for datagram in broadcast.next(isDiscontinuous: isDiscontinuous) { recording.take(datagram) }
        }
        let segments = recording.index.segments
        #expect(segments.count > 15)
        for (segment, next) in zip(segments, segments.dropFirst()) {
            #expect(segment.range.upperBound == next.range.lowerBound, "seed \(seed)")
            #expect(segment.duration <= .seconds(6), "seed \(seed)")
        }
        var followsDiscontinuity = false
        for segment in segments {
            // Behind a segment that a discontinuity began early there may be no random-access point in time.
            defer { followsDiscontinuity = segment.isDiscontinuous }
            let bytes = segment.prefix + recording.bytes(of: segment)
            #expect(continuityErrors(bytes) == 0, "seed \(seed)")
            #expect(bytes[1] & 0x1F == 0 && bytes[2] == 0, "seed \(seed): PAT comes first")
            let video = stride(from: 0, to: bytes.count, by: 188).first {
                bytes[$0 + 1] & 0x1F == 1 && bytes[$0 + 2] == 0
            }
            #expect(
                followsDiscontinuity || video.map { bytes[$0 + 5] & 0x40 != 0 } == true,
                "seed \(seed): a picture that can be decoded")
        }
    }

    @Test(arguments: [(0, true), (1, true), (62, true), (63, false)])
    func `a segment begins with the stream's own tables, and none is repeated, where they are near its picture`(
        _ soundAfterTables: Int, _ areNear: Bool
    ) {
        var broadcast = Broadcast()
        broadcast.soundAfterTables = soundAfterTables
        var recording = Recording(RingIndex.Configuration(segment: .seconds(2), window: .seconds(600)))
        for _ in 0..<500 { for datagram in broadcast.next() { recording.take(datagram) } }
        let segments = recording.index.segments
        #expect(segments.count >= 8)
        for segment in segments {
            let bytes = recording.bytes(of: segment)
            #expect(segment.prefix.isEmpty == areNear)
            #expect((bytes[1] & 0x1F == 0 && bytes[2] == 0) == areNear, "PAT comes first")
        }
    }

    @Test func `a discontinuity begins a segment, and numbers still follow the clock`() {
        var broadcast = Broadcast(beginning: UnixTime(milliseconds: 1_790_000_000_000))
        broadcast.framesPerAccess = 10
        var recording = Recording(RingIndex.Configuration(segment: .seconds(2), window: .seconds(600)))
        for frame in 0..<500 {
            if frame == 285 { broadcast.source.clock += 27_000_000 * 100 }
            for datagram in broadcast.next(isDiscontinuous: frame == 285) { recording.take(datagram) }
        }
        let marked = recording.index.segments.filter(\.isDiscontinuous)
        #expect(marked.count == 1)
        let begin = CalendarClock.ticks(at: UnixTime(milliseconds: 1_790_000_000_000)) + 285 * 3600
        #expect(marked.map(\.begin) == [begin])
        for segment in recording.index.segments where segment.begin > begin + 4 * 90_000 {
            #expect(segment.number == segment.begin / 180_000)
        }
    }

    @Test func `a stream without random-access points is cut at the bucket's first packet`() {
        var broadcast = Broadcast()
        broadcast.framesPerAccess = 10_000
        var recording = Recording(RingIndex.Configuration(segment: .seconds(2), window: .seconds(600)))
        for _ in 0..<300 { for datagram in broadcast.next() { recording.take(datagram) } }
        #expect(recording.index.segments.count >= 4)
        for segment in recording.index.segments {
            #expect(segment.duration <= .milliseconds(2040))
            #expect(continuityErrors(segment.prefix, recording.bytes(of: segment)) == 0)
        }
    }

    @Test func `an outage leaves gaps under their numbers, a long one begins anew`() {
        var broadcast = Broadcast()
        var recording = Recording(RingIndex.Configuration(segment: .seconds(2), window: .seconds(600)))
        for _ in 0..<250 { for datagram in broadcast.next() { recording.take(datagram) } }
        for _ in 0..<150 { _ = broadcast.next() }
        for _ in 0..<250 { for datagram in broadcast.next() { recording.take(datagram) } }
        let numbers = recording.index.segments.map(\.number)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 + 1 == $1 })
        #expect((1...3).contains(recording.index.segments.filter(\.isGap).count))
        #expect(recording.index.counters.holes == 1)
        #expect(recording.index.counters.lost > 400)
        broadcast.clock += 90_000 * 3600
        for _ in 0..<250 { for datagram in broadcast.next() { recording.take(datagram) } }
        #expect(recording.index.counters.restarts == 1)
        #expect(recording.index.segments.count <= 5)
        #expect(recording.index.segments.allSatisfy { !$0.isGap })
    }

    @Test func `a sender's clock that runs back begins anew`() {
        var broadcast = Broadcast()
        var recording = Recording()
        for _ in 0..<250 { for datagram in broadcast.next() { recording.take(datagram) } }
        broadcast.clock -= 90_000 * 3600
        recording.index.noteRestart()
        for _ in 0..<250 { for datagram in broadcast.next() { recording.take(datagram) } }
        #expect(recording.index.counters.restarts == 1)
        #expect(!recording.index.segments.isEmpty)
    }
}
