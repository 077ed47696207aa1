import Clockwork
import Foundation
import LinuxIO
import LiveProxy
import MediaFixtures
import MediaIO
import RTP
import Wire

/// Renditions of one bit rate, sent by the proxy's own sender for a measured stretch of time.
struct PacedRenditions {
    struct Outcome {
        /// Processor time of this process a second, in cores.
        var process: Double
        /// The same of the CPU it is bound to.
        var busy: Double
        /// RTP packets sent in the measured stretch, in Gbit, headers of UDP and IP left out.
        var gigabits: Double
        var packets: UInt64
        var packetsPerTrain: Double
        /// Trains that left over a millisecond late, of all.
        var lateTrains: UInt64
        var trains: UInt64
        var scheduling: MediaSender.Scheduling
    }

    private static let segments = 4
    /// Until every rendition flows and its caches are warm.
    private static let warmUp = Duration.milliseconds(1_500)

    let count: Int
    /// Segments of a second, the same for all renditions, which begin at different ones.
    private let media: [[UInt8]]

    init(count: Int, bitsPerSecond: Int) {
        self.count = count
        var source = StreamGenerator()
        source.packetsPerReference = max(1, bitsPerSecond / 8 / 188 / 25)
        media = (0..<Self.segments).map { _ in source.segment(references: 25) }
    }

    func run(
        in testbed: ProxyTestbed, for duration: Duration, meter: ProcessorMeter, isRealTime: Bool = true
    ) throws -> Outcome {
        var configuration = MediaSender.Configuration()
        if !isRealTime { configuration.realTimePriority = nil }
        let sender = try MediaSender(configuration: configuration)
        defer { sender.stop() }
        var generator = SeededGenerator(seed: 1)
        let ids = try (0..<count).map { index in
            try sender.add(
                RenditionOutput(
                    source: .v4(ProxyTestbed.source), group: .v4(ProxyTestbed.group(index)), port: ProxyTestbed.port,
                    interface: testbed.interface),
                continuing: RenditionState(
                    using: &generator, now: MonotonicClock.now(), wallNow: WallClock.now()))
        }
        var second = 0
        // A rendition's start is its own, as channels' are.
        try feed(ids, second: &second, to: sender)
        try feed(ids, second: &second, to: sender)
        usleep(UInt32(Self.warmUp.milliseconds * 1000))
        let first = try (meter.read(), total(sender), MonotonicClock.now())
        let end = first.2 + duration
        while MonotonicClock.now() < end {
            try feed(ids, second: &second, to: sender)
            let rest = min(Duration.seconds(1), end - MonotonicClock.now())
            if rest > .zero { usleep(UInt32(rest.milliseconds * 1000)) }
        }
        let last = try (meter.read(), total(sender), MonotonicClock.now())
        let used = last.0 - first.0
        let seconds = Double((last.2 - first.2).nanoseconds) / 1e9
        let (before, after) = (first.1, last.1)
        guard after.dropped == 0 else { throw BenchFailure("\(after.dropped) packets were not sent") }
        return Outcome(
            process: used.process / seconds, busy: used.busy / seconds,
            gigabits: Double(after.bytes - before.bytes) * 8 / 1e9, packets: after.packets - before.packets,
            packetsPerTrain: Double(after.packets - before.packets) / Double(max(after.trains - before.trains, 1)),
            lateTrains: after.late - before.late, trains: after.trains - before.trains,
            scheduling: sender.scheduling)
    }

    private func feed(_ ids: [MediaStreamID], second: inout Int, to sender: MediaSender) throws {
        for (index, id) in ids.enumerated() {
            let number = (index + second) % media.count
            let outcome = sender.append(
                media[number], to: id, duration: .seconds(1), isDiscontinuous: number == 0)
            guard case .accepted = outcome else { throw BenchFailure("a segment was refused: \(outcome)") }
        }
        second += 1
    }

    private struct Total: Sendable {
        var bytes: UInt64 = 0
        var packets: UInt64 = 0
        var trains: UInt64 = 0
        var late: UInt64 = 0
        var dropped: UInt64 = 0
    }

    private func total(_ sender: MediaSender) throws -> Total {
        let box = Answer()
        sender.reports { reports in
            var total = Total()
            for report in reports.values {
                total.bytes += report.transmission.bytes
                total.packets += report.transmission.packets
                total.dropped += report.transmission.droppedPackets
                total.trains += report.pacer.trains
                total.late += report.transmission.lateness.counts.suffix(3).reduce(0, +)
            }
            box.total = total
            box.ready.signal()
        }
        guard box.ready.wait(timeout: .now() + 5) == .success else { throw BenchFailure("the sender does not answer") }
        return box.total
    }

    /// Written before the semaphore is raised, read after it was taken.
    private final class Answer: @unchecked Sendable {
        let ready = DispatchSemaphore(value: 0)
        var total = Total()
    }
}
