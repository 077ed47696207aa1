import Clockwork
import Foundation
import MPEGTS
import MediaFixtures
import Testing

/// Real packager output, judged by ffprobe.
@Suite(.enabled(if: Packager.isInstalled, "ffmpeg is not installed"))
struct PackagerTests {
    @Test func `segments of ffmpeg come out as one stream that ffprobe finds whole`() throws {
        let packager = try Packager()
        defer { packager.remove() }
        let segments = try packager.segments(seconds: 12, segmentSeconds: 2)
        #expect(segments.count == 6)
        var conditioner = TransportStreamConditioner()
        for bytes in segments { try conditioner.take(bytes, duration: .seconds(2)) }
        let packets = conditioner.drain(extrapolating: true)
        #expect(counterBreaks(packets).isEmpty)
        #expect(conditioner.counters.clockDiscontinuities == 0 && conditioner.counters.sourceContinuityErrors == 0)
        for packet in packets { if let clock = packet.clock { #expect(isOnTime(packet, clock, packets)) } }
        let tableTimes = packets.filter { $0.pid == 0 }.map(\.time)
        #expect(zip(tableTimes, tableTimes.dropFirst()).allSatisfy { $1 - $0 <= 100_000_000 })
        let output = packets.flatMap(\.bytes)
        #expect(try packager.complaints(about: output) == "")
        #expect(try packager.frameCount(of: output) == 12 * 25)
    }

    @Test func `two unrelated runs of a packager join with one announced jump`() throws {
        let packager = try Packager()
        defer { packager.remove() }
        let first = try packager.segments(seconds: 4, segmentSeconds: 2)
        let second = try packager.segments(seconds: 4, segmentSeconds: 2, timestampOffset: 3000)
        var conditioner = TransportStreamConditioner()
        for bytes in first { try conditioner.take(bytes, duration: .seconds(2)) }
        for (index, bytes) in second.enumerated() {
            try conditioner.take(bytes, duration: .seconds(2), isDiscontinuous: index == 0)
        }
        let packets = conditioner.drain(extrapolating: true)
        #expect(counterBreaks(packets).isEmpty)
        #expect(packets.filter(\.isDiscontinuous).count == 1)
        #expect(try packager.frameCount(of: packets.flatMap(\.bytes)) == 8 * 25)
    }

    private func isOnTime(_ packet: TakenPacket, _ clock: Int64, _ packets: [TakenPacket]) -> Bool {
        guard let first = packets.first(where: { $0.clock != nil }), let start = first.clock else { return false }
        return abs((clock - start) * 1000 / 27 - (packet.time - first.time)) <= 1
    }
}
