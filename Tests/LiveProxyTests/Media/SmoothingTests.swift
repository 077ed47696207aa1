import Clockwork
import LiveProxy
import MPEGTS
import MediaFixtures
import RTP
import Testing

/// Real packager output whose bit rate jumps twentyfold, sent in virtual time.
@Suite(.enabled(if: Packager.isInstalled, "ffmpeg is not installed"))
struct SmoothingTests {
    /// As an HLS fetch delivers: three segments first, then one a segment length.
    private func send(
        _ segments: [[UInt8]], smoothing: SmoothingConfiguration? = .init(), stallAfter: Int? = nil
    ) throws -> PacerRun {
        var configuration = RenditionPacer.Configuration()
        configuration.smoothing = smoothing
        var run = PacerRun(configuration: configuration)
        for (index, segment) in segments.enumerated() {
            let isLate = stallAfter.map { index > $0 } == true
            let at = Double(max(0, index - 2) * 2) + (isLate ? 20 : 0)
            run.run(until: seconds(1000 + at))
            try run.append(segment)
        }
        run.run(until: seconds(1000 + Double(segments.count) * 2 + 40))
        return run
    }

    @Test func `cuts from black to noise leave at an even rate, each packet within the delay`() throws {
        let packager = try Packager()
        defer { packager.remove() }
        let segments = try packager.cuts(seconds: 48)
        let plain = RateReport(of: try send(segments, smoothing: nil))
        let run = try send(segments)
        let even = RateReport(of: run)
        #expect(plain.worst > 0.9, "the input is even by itself")
        #expect(even.worst <= 0.2, "\(even)")
        let status = try #require(run.pacer.smoothingStatus)
        #expect(status.longestDelay <= status.delayLimit && status.longestDelay > .zero, "\(status)")
        #expect(run.pacer.counters.stalls == 0 && run.pacer.counters.delays == 0)
    }

    @Test func `clock references are those of the instants they leave at, and the stream is whole`() throws {
        let packager = try Packager()
        defer { packager.remove() }
        let run = try send(try packager.cuts(seconds: 18))
        let clocks = run.sent.compactMap { packet in packet.clock.map { (packet, $0) } }
        let (origin, first) = try #require(clocks.first)
        let start = ProgramClockReference(ticks: first)
        var previous = -1
        for packet in run.sent {
            let isFirst = packet.train != previous
            previous = packet.train
            for clock in packet.packets.compactMap(\.clock) {
                #expect(isFirst)
                // The clock wraps: a source that begins at zero is shown a second later.
                let shown = ProgramClockReference.nanoseconds(fromTicks: ProgramClockReference(ticks: clock) - start)
                #expect(abs((packet.at - origin.at).nanoseconds - shown) <= 100)
            }
        }
        #expect(zip(clocks, clocks.dropFirst()).allSatisfy { $1.0.at - $0.0.at <= .milliseconds(100) })
        let tables = run.sent.filter { packet in packet.packets.contains { $0.pid == 0 } }.map(\.at)
        #expect(zip(tables, tables.dropFirst()).allSatisfy { $1 - $0 <= .milliseconds(100) })
        #expect(counterBreaks(run.stream).isEmpty)
        let output = run.sent.flatMap(\.packets).flatMap(\.bytes)
        #expect(try packager.complaints(about: output) == "")
        #expect(try packager.frameCount(of: output) == 18 * 25)
    }

    @Test func `segments that come in a heap after a stall are not sent in a heap`() throws {
        let packager = try Packager()
        defer { packager.remove() }
        let run = try send(try packager.cuts(seconds: 36), stallAfter: 8)
        #expect(run.pacer.counters.stalls == 1)
        let pauses = zip(run.sent, run.sent.dropFirst()).filter { $1.at - $0.at > .milliseconds(200) }
        #expect(pauses.count == 1)
        let (last, first) = try #require(pauses.first)
        let resumed = run.sent.filter { $0.at >= first.at && $0.at < first.at + .seconds(10) }
        let before = run.sent.filter { $0.at <= last.at && $0.at > last.at - .seconds(10) }
        #expect(abs(Double(resumed.count) / Double(before.count) - 1) < 0.25, "\(before.count) \(resumed.count)")
        #expect(resumed.first { $0.clock != nil }?.packets.contains { $0.clock != nil && $0.isDiscontinuous } == true)
        #expect(counterBreaks(run.stream).isEmpty)
    }

    @Test func `a rate that has to leave the band is counted`() throws {
        let packager = try Packager()
        defer { packager.remove() }
        let quiet = try packager.segments(
            seconds: 30, segmentSeconds: 2, picture: ["color=black:size=640x360:rate=25"])
        let loud = try packager.cuts(seconds: 12).dropFirst()
        var run = try send(Array(quiet.prefix(15)))
        for segment in loud { try run.append(segment, isDiscontinuous: true) }
        run.run(until: seconds(1100))
        let status = try #require(run.pacer.smoothingStatus)
        #expect(status.excursions >= 1 && status.longestDelay <= status.delayLimit)
    }
}

/// The bytes of every tenth of a second, beside the running mean of the ten seconds before its end.
struct RateReport: CustomStringConvertible {
    private(set) var worst = 0.0
    private(set) var worstAt = 0.0
    private(set) var mean = 0.0

    init(of run: PacerRun) {
        guard let start = run.sent.first?.at, let end = run.sent.last?.at else { return }
        let times = run.sent.map { ($0.at - start).nanoseconds }
        mean = Double(times.count) * 1328 * 8 / (Double((end - start).nanoseconds) / 1e9)
        var (low, longLow, high) = (0, 0, 0)
        for instant in stride(from: Int64(2_000_000_000), to: (end - start).nanoseconds, by: 7_000_000) {
            while high < times.count, times[high] < instant { high += 1 }
            while times[low] < instant - 100_000_000 { low += 1 }
            while times[longLow] < instant - 10_000_000_000 { longLow += 1 }
            let running = Double(high - longLow) / min(Double(instant), 10_000_000_000)
            let deviation = abs(Double(high - low) / 100_000_000 / running - 1)
            if deviation > worst { (worst, worstAt) = (deviation, Double(instant) / 1e9) }
        }
    }

    var description: String { "worst \(worst) at \(worstAt) s, \(Int(mean)) bit/s on average" }
}
