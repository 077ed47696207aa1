import Clockwork
import HLS
import MPEGTS
import MediaFixtures
import RTP
import Testing
import UnicastDelivery

@Suite struct RingIndexTests {
    @Test(arguments: [true, false])
    func `a viewer who begins at a random-access point sees no continuity error`(_ tablesBeforeAccess: Bool) throws {
        var broadcast = Broadcast()
        broadcast.tablesBeforeAccess = tablesBeforeAccess
        var recording = Recording()
        var entries: [EntryPoint] = []
        for _ in 0..<200 {
            for datagram in broadcast.next() { recording.take(datagram) }
            if let entry = recording.index.liveEntry, entries.last != entry { entries.append(entry) }
        }
        #expect(entries.count == 8)
        for entry in entries {
            let rest = Array(recording.bytes[Int(entry.position)...])
            // The very first has tables before it in either case.
            #expect(entry.prefix.isEmpty == (tablesBeforeAccess || entry == entries[0]))
            #expect(continuityErrors(entry.prefix, rest) == 0)
        }
    }

    @Test(arguments: [true, false])
    func `a viewer who is moved forward sees the jump announced on every PID`(_ tablesBeforeAccess: Bool) throws {
        var broadcast = Broadcast()
        broadcast.tablesBeforeAccess = tablesBeforeAccess
        var recording = Recording()
        for _ in 0..<200 { for datagram in broadcast.next() { recording.take(datagram) } }
        let entry = try #require(recording.index.entry(ahead: 0))
        let rest = Array(recording.bytes[Int(entry.position)...])
        for position in stride(from: 188 * 3, to: 188 * 700, by: 188 * 41) {
            let seen = Array(recording.bytes[..<position])
            #expect(continuityErrors(seen, entry.prefixAfterJump, rest) == 0)
            #expect(continuityErrors(seen, entry.prefix, rest) > 0, "without the announcement it shows")
        }
        #expect(recording.index.entry(ahead: entry.position) == nil)
    }

    @Test func `timestamps are extended by the calendar, over every wrap`() {
        for hours in stride(from: Int64(0), to: 100, by: 5) {
            var clock = CalendarClock()
            let truth = CalendarClock.ticks(at: UnixTime(milliseconds: 1_790_000_000_000)) + hours * 3600 * 90_000
            for (step, error) in [(0, -3600 * 5), (90_000 * 7, 0), (90_000 * 3, 7200)] as [(Int64, Int64)] {
                let wall = CalendarClock.unixTime(truth + step) + .seconds(error)
                #expect(
                    clock.extend(UInt32(truncatingIfNeeded: truth + step), wallNow: wall) == truth + step, "\(hours)")
            }
        }
    }

    @Test func `what has left the ring is named no more`() throws {
        var broadcast = Broadcast()
        var recording = Recording(RingIndex.Configuration(capacity: 1 << 20, window: .seconds(600)))
        for _ in 0..<2000 {
            for datagram in broadcast.next() { recording.take(datagram) }
            let index = recording.index
            #expect(index.head - index.tail <= 1 << 20)
            #expect(index.segments.allSatisfy { $0.range.lowerBound >= index.tail })
            #expect(index.liveEntry.map { $0.position >= index.tail } != false)
        }
        #expect(recording.index.segments.count < 8)
    }

    @Test func `the playlist slides over the window and reads back`() throws {
        var broadcast = Broadcast()
        broadcast.framesPerAccess = 25
        var recording = Recording(RingIndex.Configuration(segment: .seconds(2), window: .seconds(10)))
        var lastSequence = Int64.min
        for frame in 0..<1500 {
            for datagram in broadcast.next(isDiscontinuous: frame == 600) { recording.take(datagram) }
            guard !recording.index.segments.isEmpty else { continue }
            let text = playlistText(recording.index)
            let location = try MediaLocation("http://point.example/live/a/b/c/index.m3u8")
            guard case .media(let parsed) = try Playlist(parsing: Array(text.utf8), at: location) else {
                Issue.record("not a media playlist: \(text)")
                return
            }
            #expect(parsed.mediaSequence >= lastSequence)
            lastSequence = parsed.mediaSequence
            #expect(parsed.segments.allSatisfy { $0.duration <= parsed.targetDuration })
            #expect(parsed.duration <= .seconds(12))
            #expect(parsed.discontinuitySequence == (frame > 1000 ? 1 : parsed.discontinuitySequence))
            let first = try #require(recording.index.playlist.first)
            #expect(parsed.segments.first?.programDateTime == CalendarClock.unixTime(first.begin))
        }
        #expect(recording.index.playlist.count >= 4)
        // Still to be fetched by whoever has an older list.
        #expect(recording.index.segment(lastSequence - 1) != nil)
    }

    @Test func `each packet is found by any byte of it`() throws {
        var broadcast = Broadcast()
        var recording = Recording()
        var datagrams: [Broadcast.Datagram] = []
        for _ in 0..<100 {
            for datagram in broadcast.next() {
                recording.take(datagram)
                datagrams.append(datagram)
            }
        }
        for (number, datagram) in datagrams.enumerated() {
            for offset in [0, 1, 1315] {
                let found = try #require(recording.index.packet(containing: UInt64(number * 1316 + offset)))
                #expect(found.header == datagram.header && found.sequence == datagram.sequence)
            }
        }
        #expect(recording.index.packet(containing: recording.index.head) == nil)
        #expect(recording.index.behindLive(0) > .seconds(3))
    }

    @Test(arguments: 0..<30)
    func `garbage is carried and counted, and never traps`(_ seed: Int) {
        var chance = SeededGenerator(seed: UInt64(seed))
        var broadcast = Broadcast()
        var recording = Recording(RingIndex.Configuration(capacity: 100_000))
        for _ in 0..<300 {
            for var datagram in broadcast.next() {
                for _ in 0..<Int.random(in: 0..<4, using: &chance) {
                    let at = Int.random(in: 0..<datagram.payload.count, using: &chance)
                    datagram.payload[at] = UInt8.random(in: .min ... .max, using: &chance)
                }
                if Int.random(in: 0..<50, using: &chance) == 0 {
                    datagram.header.timestamp = UInt32.random(in: .min ... .max, using: &chance)
                }
                recording.take(datagram)
            }
        }
        #expect(recording.index.counters.bytes == UInt64(recording.bytes.count))
    }
}

func playlistText(_ index: RingIndex) -> String {
    PlaylistWriter.live(
        targetDuration: index.configuration.segment * 2, mediaSequence: index.playlist.first?.number ?? 0,
        discontinuitySequence: index.discontinuitySequence,
        segments: index.playlist.map {
            PlaylistWriter.Segment(
                uri: "\($0.number).ts", duration: $0.duration, isDiscontinuous: $0.isDiscontinuous, isGap: $0.isGap,
                programDateTime: CalendarClock.unixTime($0.begin))
        })
}
