import Foundation

/// Runs ffmpeg and ffprobe in a folder of its own.
package struct Packager {
    package static let ffmpeg = URL(fileURLWithPath: "/usr/bin/ffmpeg")
    package static let ffprobe = URL(fileURLWithPath: "/usr/bin/ffprobe")
    package static var isInstalled: Bool {
        [ffmpeg, ffprobe].allSatisfy { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    package let folder: URL

    package init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "packager-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    package func remove() {
        try? FileManager.default.removeItem(at: folder)
    }

    package func segments(
        seconds: Int, segmentSeconds: Int, timestampOffset: Int = 0,
        picture: [String] = ["testsrc2=size=320x180:rate=25"], encoding: [String] = []
    ) throws -> [[UInt8]] {
        let name = "run\(timestampOffset)"
        _ = try run(
            Self.ffmpeg,
            [
                "-nostdin", "-v", "error", "-f", "lavfi", "-i", picture.joined(separator: ","), "-f", "lavfi", "-i",
                "sine=frequency=440", "-t", "\(seconds)", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50",
                "-pix_fmt", "yuv420p", "-c:a", "aac", "-output_ts_offset", "\(timestampOffset)",
            ] + encoding + [
                "-f", "hls", "-hls_time", "\(segmentSeconds)", "-hls_list_size", "0", "-hls_segment_filename",
                folder.appending(path: "\(name)-%03d.ts").path, folder.appending(path: "\(name).m3u8").path,
            ])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasPrefix(name + "-") && $0.hasSuffix(".ts") }.sorted()
        return try names.map { try Array(Data(contentsOf: folder.appending(path: $0))) }
    }

    /// Black and noise by turns, three seconds each: what a variable bit rate varies most by.
    package func cuts(seconds: Int, kilobits: Int = 3000) throws -> [[UInt8]] {
        try segments(
            seconds: seconds, segmentSeconds: 2,
            picture: ["color=black:size=640x360:rate=25", "noise=alls=100:allf=t:enable='gte(mod(t,6),3)'"],
            encoding: [
                "-b:v", "\(kilobits)k", "-maxrate", "\(kilobits * 4 / 3)k", "-bufsize", "\(kilobits)k", "-sc_threshold",
                "0",
            ])
    }

    /// What ffmpeg has to say while it decodes everything.
    package func complaints(about stream: [UInt8]) throws -> String {
        try run(Self.ffmpeg, ["-nostdin", "-v", "warning", "-i", try write(stream), "-f", "null", "-"])
    }

    package func frameCount(of stream: [UInt8]) throws -> Int? {
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
