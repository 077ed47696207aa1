import Clockwork
import Glibc
import LinuxIO
import MPEGTS
import MediaFixtures
import MediaIO
import RTP
import Testing
import UnicastDelivery
import Wire

@Suite(.needsNamespaces, .serialized) struct UnicastMediaTests {
    @Test func `viewers of one stream get it from a random-access point on, tables first, without an error`() throws {
        let stage = try UnicastStage()
        let early = try stage.viewer()
        try stage.send(frames: 120)
        let late = try stage.viewer()
        try stage.send(frames: 120)
        for (viewer, packets) in [(early, 2400), (late, 2000)] {
            let stream = try viewer.body(atLeast: 188 * packets)
            #expect(stream.continuityErrors == 0)
            #expect(stream.first == 0x47 && stream[1] & 0x1F == 0 && stream[2] == 0, "PAT comes first")
            #expect(viewer.head?.hasPrefix("HTTP/1.1 200 OK") == true)
        }
        // The late one began at the newest random-access point, not at the oldest.
        _ = early.drain()
        #expect(late.received <= early.received && late.received < 188 * 2900)
        let report = try #require(stage.report())
        #expect(report.viewers.count == 2)
        #expect(report.streams.first?.index.lost == 0)
        #expect(report.counters.delivery.kernelDrops == 0)
    }

    @Test func `a ring that wraps many times still serves every byte to who keeps up`() throws {
        let stage = try UnicastStage { $0.ring.capacity = 1 << 20 }
        let viewer = try stage.viewer()
        for _ in 0..<20 {
            try stage.send(frames: 100)
            _ = viewer.drain()
        }
        let stream = try viewer.body(atLeast: 2000 * 20 * 188 - (1 << 20))
        #expect(stream.count > 5 << 20)
        #expect(stream.continuityErrors == 0)
        #expect(stage.report()?.counters.viewersAdvanced == 0)
    }

    @Test func `a slow viewer is moved forward with the jump announced, and delays nobody`() throws {
        let stage = try UnicastStage { $0.ring.capacity = 2 << 20 }
        let slow = try stage.viewer(receiveBuffer: 4096)
        let quick = try stage.viewer()
        for _ in 0..<40 {
            try stage.send(frames: 100)
            _ = quick.drain()
        }
        let report = try #require(stage.report())
        #expect(report.counters.viewersAdvanced == 0, "who takes nothing is not moved before it reads")
        #expect(report.viewers.count == 2)
        let all = try quick.body(atLeast: 2000 * 39 * 188)
        #expect(all.continuityErrors == 0)
        // It reads on: what it had, then the jump, then the stream.
        for _ in 0..<10 {
            try stage.send(frames: 50)
            _ = slow.drain()
        }
        let some = try slow.body(atLeast: 1)
        #expect(some.continuityErrors == 0)
        #expect(some.announcedDiscontinuities > 0)
        let after = try #require(stage.report())
        #expect(after.counters.viewersAdvanced > 0)
    }

    @Test func `a slow viewer is closed where the configuration says so`() throws {
        let stage = try UnicastStage {
            $0.ring.capacity = 2 << 20
            $0.slowViewer = .close
        }
        let viewer = try stage.viewer(receiveBuffer: 4096)
        for _ in 0..<40 where stage.ends.isEmpty { try stage.send(frames: 100) }
        #expect(!viewer.text.isEmpty || viewer.drain() > 0)
        #expect(stage.ends == [.tooSlow])
        #expect(stage.report()?.counters.ends["too-slow"] == 1)
    }

    @Test func `a viewer that takes nothing is closed after the stall timeout`() throws {
        let stage = try UnicastStage { $0.stallTimeout = .seconds(1) }
        let viewer = try stage.viewer(receiveBuffer: 4096)
        try stage.send(frames: 400)
        try stage.wait(atMost: .seconds(5)) { stage.ends == [.stalled] }
        #expect(viewer.drain() > 0)
    }

    @Test func `a closed session ends its connections at once, and nobody else's`() throws {
        let stage = try UnicastStage()
        let first = try stage.viewer(session: 7)
        let second = try stage.viewer(session: 8)
        try stage.send(frames: 50)
        _ = try first.body(atLeast: 188)
        stage.media.close(session: 7)
        try stage.wait(atMost: .seconds(1)) {
            _ = first.drain()
            return first.hasEnded
        }
        try stage.send(frames: 50)
        #expect(try second.body(atLeast: 188).continuityErrors == 0)
        #expect(stage.ends == [.sessionClosed])
        #expect(!second.hasEnded)
    }

    @Test func `a viewer of a stream that does not come is told so`() throws {
        let stage = try UnicastStage { $0.startTimeout = .seconds(1) }
        let viewer = try stage.viewer()
        try stage.wait(atMost: .seconds(5)) {
            _ = viewer.drain()
            return viewer.hasEnded
        }
        #expect(viewer.text.hasPrefix("HTTP/1.1 504"))
        #expect(viewer.text.contains(#""code":"no-media""#))
    }

    @Test func `no more viewers and rings than configured`() throws {
        let stage = try UnicastStage {
            $0.maximumViewers = 3
            $0.maximumStreams = 1
        }
        let viewers = try (0..<5).map { _ in try stage.viewer() }
        try stage.wait(atMost: .seconds(2)) { stage.ends.count == 2 }
        #expect(stage.report()?.viewers.count == viewers.count - 2)
        #expect(stage.ends == [.refused, .refused])
        var other = UnicastStage.key
        other.port = 9
        try stage.join(try stage.viewer(joins: false), stream: other)
        try stage.wait(atMost: .seconds(2)) { stage.ends.count == 3 }
        let report = try #require(stage.report())
        #expect(report.counters.viewersRefused == 2 && report.counters.streamsRefused == 1)
    }

    @Test func `a burst repeats the very packets, framed, from the random-access point to the newest`() throws {
        let stage = try UnicastStage()
        _ = try stage.viewer()
        try stage.send(frames: 110)
        let burst = try stage.viewer(isBurst: true)
        try stage.send(frames: 20)
        let frames = try burst.frames(atLeast: 50)
        let sent = Dictionary(uniqueKeysWithValues: stage.sent.map { ($0.header.sequence, $0.bytes) })
        #expect(frames.allSatisfy { sent[UInt16($0[2]) << 8 | UInt16($0[3])] == $0 })
        let numbers = frames.map { UInt16($0[2]) << 8 | UInt16($0[3]) }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 &+ 1 == $1 })
    }

    @Test func `segments are copied whole, and are refused once they are gone`() throws {
        let stage = try UnicastStage { $0.ring = .init(capacity: 4 << 20, segment: .seconds(1), window: .seconds(5)) }
        try stage.openStream()
        try stage.send(frames: 300)
        let snapshot = try #require(stage.snapshot())
        #expect(snapshot.segments.count >= 5)
        for segment in snapshot.segments {
            let bytes = try #require(snapshot.memory.copy(segment.range))
            #expect((segment.prefix + bytes).continuityErrors == 0)
        }
        for _ in 0..<5 { try stage.send(frames: 300) }
        #expect(snapshot.memory.copy(snapshot.segments[0].range) == nil)
    }

    @Test func `lost, repeated and swapped packets are put right or counted`() throws {
        let stage = try UnicastStage()
        let viewer = try stage.viewer()
        try stage.send(frames: 60)
        var datagrams = stage.next(frames: 40)
        datagrams.swapAt(20, 22)
        datagrams.insert(datagrams[30], at: 31)
        datagrams.remove(at: 50)
        try stage.send(datagrams)
        try stage.send(frames: 60)
        let stream = try viewer.body(atLeast: 188 * 2100)
        // Seven packets of up to two PIDs are missing: it shows there and nowhere else.
        #expect((1...2).contains(stream.continuityErrors))
        let report = try #require(stage.report()?.streams.first)
        #expect(report.index.lost == 1 && report.index.holes == 1)
        #expect(report.statistics.duplicates == 1)
    }
}

extension [UInt8] {
    var continuityErrors: UInt64 { checked.continuityErrors + checked.syncLosses }
    var announcedDiscontinuities: UInt64 { checked.announcedDiscontinuities }

    private var checked: ContinuityChecker.Counters {
        var checker = ContinuityChecker()
        // A connection may end within a packet.
        checker.check(span.bytes.extracting(..<(count / 188 * 188)))
        return checker.counters
    }
}
