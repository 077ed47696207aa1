import Clockwork
import HLS
import Testing

@Suite struct HLSFetchPlanTests {
    @Test func `it begins three target durations from the end and then takes every segment once`() throws {
        var run = try FetchRun(origin: LiveOrigin(), start: seconds(21))
        run.run(until: seconds(121))
        // At 21 s segments up to number 109 exist; 107 is the last one that starts six seconds before the end.
        #expect(run.served.map(\.sequence) == Array(107..<(107 + Int64(run.served.count))))
        #expect(run.served.count >= 52)
        #expect(run.served.allSatisfy { !$0.isDiscontinuous && $0.missing == .zero })
        #expect(run.mostRunning == 2)
        #expect(run.plan.counters.segmentsMissed == 0 && run.plan.counters.segmentFailures == 0)
    }

    @Test func `a changed list is asked for again after a target duration, an unchanged one after half`() throws {
        var origin = LiveOrigin()
        let frozen = origin.list(at: seconds(20))
        origin.listOverride = { now in now < seconds(25) ? .text(frozen) : nil }
        var run = try FetchRun(origin: origin, start: seconds(20))
        run.run(until: seconds(30))
        let gaps = zip(run.listRequests.dropFirst(), run.listRequests).map { ($0 - $1).seconds }
        #expect(gaps == [2, 1, 1, 1, 2, 2])
    }

    @Test func `a segment that fails at first is tried again and not lost`() throws {
        var origin = LiveOrigin()
        origin.segmentStatus = { sequence, attempt, _ in sequence % 3 == 0 && attempt < 3 ? 404 : 200 }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(60))
        #expect(run.served.map(\.sequence) == Array(107..<(107 + Int64(run.served.count))))
        #expect(run.plan.counters.segmentFailures > 8 && run.plan.counters.segmentsSkipped == 0)
        #expect(run.mostRunning == 2)
    }

    @Test func `a segment that stays away is skipped before the output runs dry, and counted`() throws {
        var origin = LiveOrigin()
        origin.segmentStatus = { sequence, _, _ in sequence == 112 ? 404 : 200 }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(60))
        #expect(!run.served.map(\.sequence).contains(112))
        let after = try #require(run.served.first { $0.sequence == 113 })
        #expect(after.missing == .seconds(2) && !after.isDiscontinuous)
        #expect(run.plan.counters.segmentsSkipped + run.plan.counters.segmentsMissed == 1)
        // 107 began to play at about 21 s, so 112 would have been due at 31 s.
        #expect(after.at > seconds(29) && after.at <= seconds(31.1))
        #expect(run.served.last.map { $0.sequence >= 124 } == true)
    }

    @Test func `a list that runs ahead of us costs what left it, counted, and goes on`() throws {
        var origin = LiveOrigin()
        origin.listOverride = { now in now > seconds(30) && now < seconds(50) ? .status(503) : nil }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(80))
        let sequences = run.served.map(\.sequence)
        #expect(sequences == sequences.sorted())
        #expect(run.plan.counters.segmentsMissed > 2)
        let jump = try #require(run.served.first { $0.missing > .zero })
        let missing = UInt64(jump.missing.seconds / 2)
        #expect(missing == run.plan.counters.segmentsMissed)
        #expect(run.events.contains(.listStale) && run.events.contains(.listRecovered))
        #expect(run.plan.counters.staleEpisodes == 1 && !run.plan.isStale)
    }

    @Test(arguments: [(116 as Int64, true), (110, false), (140, false)])
    func `a discontinuity among segments that were missed is handed on`(_ tagged: Int64, _ isMissed: Bool) throws {
        var origin = LiveOrigin()
        origin.tags = { $0 == tagged ? "#EXT-X-DISCONTINUITY\n" : "" }
        origin.listOverride = { now in now > seconds(30) && now < seconds(50) ? .status(503) : nil }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(66))
        #expect(!run.served.map(\.sequence).contains(116))
        let jump = try #require(run.served.first { $0.missing > .zero })
        #expect(jump.isDiscontinuous == isMissed)
    }

    @Test func `a dead origin is asked ever more rarely, and no two renditions keep step`() throws {
        var origin = LiveOrigin()
        origin.listOverride = { _ in .status(500) }
        var first = try FetchRun(origin: origin, start: .zero, seed: 1)
        var second = try FetchRun(origin: origin, start: .zero, seed: 2)
        first.run(until: seconds(60))
        second.run(until: seconds(60))
        let gaps = zip(first.listRequests.dropFirst(), first.listRequests).map { $0 - $1 }
        #expect(gaps.allSatisfy { $0 <= .seconds(6) })
        #expect(gaps.suffix(5).allSatisfy { $0 >= .milliseconds(2500) })
        #expect((12...30).contains(first.listRequests.count))
        #expect(first.listRequests.dropFirst() != second.listRequests.dropFirst())
    }

    @Test func `an encoder that begins again is followed with a discontinuity`() throws {
        var origin = LiveOrigin()
        origin.firstSequence = 5000
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(41))
        let before = run.served.count
        run.origin.firstSequence = 0
        run.origin.epoch = seconds(38)
        run.origin.name = "again"
        run.run(until: seconds(80))
        let after = run.served.dropFirst(before).filter { $0.sequence < 5000 }
        #expect(after.first?.isDiscontinuous == true && after.first?.missing == .zero)
        #expect(after.dropFirst().allSatisfy { !$0.isDiscontinuous })
        #expect(after.map(\.sequence) == Array(0..<Int64(after.count)) && after.count > 15)
        #expect(run.plan.counters.encoderRestarts == 1)
    }

    @Test func `an encoder that begins again under the same names is followed once it lives on`() throws {
        var origin = LiveOrigin()
        origin.firstSequence = 0
        origin.window = 100
        var run = try FetchRun(origin: origin, start: seconds(41))
        run.run(until: seconds(50))
        run.origin.epoch = seconds(46)
        run.run(until: seconds(80))
        #expect(run.plan.counters.encoderRestarts == 1)
        #expect(run.served.contains { $0.isDiscontinuous })
        #expect(run.served.last.map { $0.sequence > 10 } == true)
    }

    @Test func `an old copy of the list changes nothing`() throws {
        var origin = LiveOrigin()
        let honest = origin
        origin.listOverride = { now in
            now > seconds(22) && now.nanoseconds / 1_000_000_000 % 3 == 0
                ? .text(honest.list(at: now - .seconds(4))) : nil
        }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(120))
        #expect(run.served.map(\.sequence) == Array(107..<(107 + Int64(run.served.count))))
        #expect(run.plan.counters.playlistsOlder > 5 && run.plan.counters.encoderRestarts == 0)
        #expect(run.served.count > 48)
    }

    @Test func `declared gaps are not fetched and discontinuities are handed on`() throws {
        var origin = LiveOrigin()
        origin.tags = { $0 == 110 ? "#EXT-X-GAP\n" : $0 == 112 ? "#EXT-X-DISCONTINUITY\n" : "" }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(40))
        #expect(run.served.filter(\.isDiscontinuous).map(\.sequence) == [112])
        #expect(run.served.filter { $0.missing > .zero }.map(\.sequence) == [111])
        #expect(!run.served.map(\.sequence).contains(110))
        #expect(run.plan.counters.segmentsDeclaredMissing == 1)
    }

    @Test func `an ended list is played from its first segment, at the pace of its media, and finishes`() throws {
        var origin = LiveOrigin()
        origin.window = 50
        origin.endsAt = 130
        var run = try FetchRun(origin: origin, start: seconds(200))
        run.run(until: seconds(230))
        // Twelve seconds of lead at most, while thirty seconds have passed.
        #expect(run.served.count <= 22 && run.served.count >= 20)
        run.run(until: seconds(300))
        #expect(run.served.map(\.sequence) == Array(100..<130))
        #expect(run.hasFinished && run.plan.deadline == nil)
        #expect(run.listRequests.count == 1)
    }

    @Test func `a request that hangs is given up and made again`() throws {
        var origin = LiveOrigin()
        origin.segmentStatus = { sequence, attempt, _ in sequence == 109 && attempt == 1 ? 0 : 200 }
        origin.listOverride = { now in now > seconds(24.5) && now < seconds(26) ? .silence : nil }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(60))
        #expect(run.plan.counters.timeouts == 2)
        #expect(run.served.last.map { $0.sequence >= 124 } == true)
        #expect(run.mostRunning == 2)
    }

    @Test(arguments: [
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx.m3u8\n", HLSFetchPlan.Event.masterPlaylist
        ),
        (
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"i\"\n#EXTINF:2,\na.m4s\n",
            .unsuitable(.initializationSection(line: 3))
        ),
        ("<html>", .playlistRefused(PlaylistError(line: 1, .missingHeader))),
    ])
    func `a list that cannot be sent is refused by name, and asked for again`(
        _ text: String, _ event: HLSFetchPlan.Event
    ) throws {
        var origin = LiveOrigin()
        origin.listOverride = { now in now < seconds(25) ? .text(text) : nil }
        var run = try FetchRun(origin: origin, start: seconds(21))
        run.run(until: seconds(25))
        #expect(run.events.contains(event) && run.served.isEmpty)
        #expect(run.plan.counters.playlistsRefused > 1)
        run.run(until: seconds(40))
        #expect(run.served.count > 5)
    }

    @Test func `an answer to a request that was given up is thrown away`() throws {
        let location = try MediaLocation("http://origin/live/index.m3u8")
        var plan = HLSFetchPlan(location: location, seed: 1, now: .zero)
        let origin = LiveOrigin()
        guard case .fetchPlaylist(let id, _)? = plan.tick(now: .zero).first else {
            Issue.record("no list was asked for")
            return
        }
        let list = Array(origin.list(at: seconds(20)).utf8)
        let actions = plan.handle(.playlistLoaded(id, list, location: location), now: .zero)
        guard case .fetchSegment(let request)? = actions.first else {
            Issue.record("no segment was asked for")
            return
        }
        #expect(plan.tick(now: seconds(60)).contains(.cancel(request.id)))
        #expect(plan.handle(.segmentCompleted(request.id, bytes: 188), now: seconds(60)).contains(.discard(request.id)))
    }

    @Test(arguments: 0..<30)
    func `whatever the origin does, segments come once, in order, never more than two at a time`(_ seed: Int) throws {
        var chance = SeededGenerator(seed: UInt64(seed) &* 7919)
        var origin = LiveOrigin()
        origin.latency = .milliseconds(Int64.random(in: 1...1500, using: &chance))
        let salt = UInt64.random(in: .min ... .max, using: &chance)
        func draw(_ values: Int64...) -> UInt64 {
            var mixer = SeededGenerator(seed: values.reduce(salt) { $0 &* 31 &+ UInt64(bitPattern: $1) })
            return mixer.next() % 100
        }
        let honest = origin
        origin.segmentStatus = { sequence, attempt, _ in
            let roll = draw(sequence, Int64(attempt))
            return roll < 10 ? 404 : roll < 15 ? 500 : roll < 18 ? 0 : 200
        }
        origin.listOverride = { now in
            switch draw(now.nanoseconds) {
            case ..<8: .status(503)
            case ..<11: .silence
            case ..<16: .text(String(honest.list(at: now).dropLast(9)))
            case ..<24: .text(honest.list(at: now - .seconds(3)))
            default: nil
            }
        }
        var run = try FetchRun(origin: origin, start: seconds(30), seed: UInt64(seed))
        run.run(until: seconds(330))
        let sequences = run.served.map(\.sequence)
        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
        #expect(run.mostRunning <= 2)
        let lost = Int64(run.plan.counters.segmentsSkipped + run.plan.counters.segmentsMissed)
        let last = try #require(sequences.last)
        let first = try #require(sequences.first)
        #expect(Int64(sequences.count) + lost >= last - first + 1)
        #expect(sequences.count > 100, "seed \(seed): only \(sequences.count) of 150 segments")
    }

    @Test func `an encrypted list is refused unless it may be decrypted, and then each request names its key`() throws {
        var origin = LiveOrigin()
        origin.tags = { $0 == 108 ? "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys/k\"\n" : "" }
        var refused = try FetchRun(origin: origin, start: seconds(21))
        refused.run(until: seconds(25))
        #expect(refused.served.isEmpty && refused.plan.counters.playlistsRefused > 0)
        #expect(refused.events.contains { if case .unsuitable(.encrypted("AES-128", _)) = $0 { true } else { false } })
        var configuration = HLSFetchPlan.Configuration()
        configuration.decrypts = true
        var allowed = try FetchRun(origin: origin, start: seconds(21), configuration: configuration)
        allowed.run(until: seconds(25))
        #expect(allowed.served.count >= 2)
        #expect(allowed.keys[107] == .some(nil) && allowed.keys[108]??.location.path == "/k")
    }
}
