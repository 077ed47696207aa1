import Foundation
import LinuxIO
import MediaIO
import Testing
import UnicastDelivery

/// An encoder and a decoder of somebody else at the two ends of a ring.
@Suite(.needsNamespaces, .serialized, .enabled(if: Player.isThere, "needs ffmpeg"))
struct UnicastPlayerTests {
    @Test func `a real encoder's picture and sound are read without an error, continuous and in segments`() throws {
        let stage = try UnicastStage { $0.ring.window = .seconds(30) }
        try stage.openStream()
        let encoder = try stage.street.atProxy { try Player.encoder(to: UnicastStage.key, for: 12) }
        defer { encoder.terminate() }
        Thread.sleep(forTimeInterval: 3)
        let viewer = try stage.viewer()
        for _ in 0..<80 {
            Thread.sleep(forTimeInterval: 0.1)
            _ = viewer.drain()
        }
        let stream = try viewer.body(atLeast: 188 * 500)
        #expect(stream.continuityErrors == 0)
        #expect(try Player.streams(of: stream) == ["h264", "aac"])
        #expect(try Player.complaints(about: stream).isEmpty)

        let snapshot = try #require(stage.snapshot())
        #expect(snapshot.segments.count >= 5)
        let pieces = try snapshot.segments.map { $0.prefix + (try #require(snapshot.memory.copy($0.range))) }
        for piece in pieces {
            #expect(piece.continuityErrors == 0)
            #expect(try Player.complaints(about: piece).isEmpty)
        }
        #expect(pieces.flatMap { $0 }.continuityErrors == 0, "segments join without a break")
        #expect(stage.report()?.streams.first?.index.lost == 0)
    }
}

private enum Player {
    static let isThere = ["ffmpeg", "ffprobe"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)")
    }

    /// Sends a picture with sound to the stream's group in real time.
    static func encoder(to key: StreamKey, for seconds: Int) throws -> Process {
        try start(
            "ffmpeg",
            [
                "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i",
                "sine=frequency=440", "-t", "\(seconds)", "-c:v", "libx264", "-preset", "ultrafast", "-g", "12",
                "-b:v", "800k", "-c:a", "aac", "-f", "rtp_mpegts",
                "rtp://\(key.group):\(key.port)?pkt_size=1328&localaddr=\(key.source)&ttl=4",
            ]
        ).process
    }

    /// The codecs of what a stream holds, in its order.
    static func streams(of bytes: [UInt8]) throws -> [String] {
        try read(bytes, "ffprobe", ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"])
            .split(separator: "\n").map { $0.trimmingCharacters(in: .init(charactersIn: ", \r")) }
            .filter { !$0.isEmpty }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// What a decoder says of a stream at level "error".
    static func complaints(about bytes: [UInt8]) throws -> String {
        try read(bytes, "ffmpeg", ["-v", "error", "-f", "mpegts", "-i"], ["-f", "null", "-"])
    }

    private static func read(
        _ bytes: [UInt8], _ program: String, _ before: [String], _ after: [String] = []
    ) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("unicast-\(UUID().uuidString).ts")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let (process, output) = try start(program, before + [file.path] + after)
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }

    private static func start(_ program: String, _ arguments: [String]) throws -> (process: Process, output: Pipe) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/\(program)")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        return (process, output)
    }
}
