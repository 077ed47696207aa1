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

/// Runs ffmpeg and ffprobe in a folder of its own.
struct Packager {
    static let ffmpeg = URL(fileURLWithPath: "/usr/bin/ffmpeg")
    static let ffprobe = URL(fileURLWithPath: "/usr/bin/ffprobe")
    static var isInstalled: Bool {
        [ffmpeg, ffprobe].allSatisfy { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "packager-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func remove() {
        try? FileManager.default.removeItem(at: folder)
    }

    func segments(seconds: Int, segmentSeconds: Int, timestampOffset: Int = 0) throws -> [[UInt8]] {
        let name = "run\(timestampOffset)"
        _ = try run(
            Self.ffmpeg,
            [
                "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i",
                "sine=frequency=440", "-t", "\(seconds)", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50",
                "-pix_fmt", "yuv420p", "-c:a", "aac", "-output_ts_offset", "\(timestampOffset)", "-f", "hls",
                "-hls_time", "\(segmentSeconds)", "-hls_list_size", "0", "-hls_segment_filename",
                folder.appending(path: "\(name)-%03d.ts").path, folder.appending(path: "\(name).m3u8").path,
            ])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasPrefix(name + "-") && $0.hasSuffix(".ts") }.sorted()
        return try names.map { try Array(Data(contentsOf: folder.appending(path: $0))) }
    }

    /// What ffmpeg has to say while it decodes everything.
    func complaints(about stream: [UInt8]) throws -> String {
        try run(Self.ffmpeg, ["-nostdin", "-v", "warning", "-i", try write(stream), "-f", "null", "-"])
    }

    func frameCount(of stream: [UInt8]) throws -> Int? {
        let text = try run(
            Self.ffprobe,
            [
                "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames",
                "-of", "csv=p=0", try write(stream),
            ])
        return Int(text.split(whereSeparator: { $0.isNewline || $0 == "," }).first ?? "")
    }

    private func write(_ stream: [UInt8]) throws -> String {
        let file = folder.appending(path: "output.ts")
        try Data(stream).write(to: file)
        return file.path
    }

    private func run(_ program: URL, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
