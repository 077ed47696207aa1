import Foundation
import Glibc
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
        defer { encoder.end() }
        Thread.sleep(forTimeInterval: 3)
        let viewer = try stage.viewer()
        for _ in 0..<80 {
            Thread.sleep(forTimeInterval: 0.1)
            _ = viewer.drain()
        }
        let stream = try viewer.body(atLeast: 188 * 500)
        #expect(stream.continuityErrors == 0)
        #expect(try Player.streams(of: stream) == ["h264", "aac"])
        #expect(try Player.complaints(about: stream.untilTheLastWholeUnits).isEmpty)

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

extension [UInt8] {
    /// The transport stream without the last picture and the last sound: the connection was cut within them, most likely, and
    /// a decoder rightly complains of what is left of a picture. A payload unit is whole where the next one begins.
    fileprivate var untilTheLastWholeUnits: [UInt8] {
        let packets = stride(from: 0, to: count / 188 * 188, by: 188)
        func identifier(_ packet: Int) -> Int { Int(self[packet + 1] & 0x1F) << 8 | Int(self[packet + 2]) }
        var lastBegin: [Int: Int] = [:]
        for packet in packets where self[packet + 1] & 0x40 != 0 { lastBegin[identifier(packet)] = packet }
        return packets.flatMap { packet in
            packet < lastBegin[identifier(packet), default: 0] ? self[packet..<(packet + 188)] : []
        }
    }
}

private enum Player {
    static let isThere = ["ffmpeg", "ffprobe"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)")
    }

    /// Sends a picture with sound to the stream's group in real time.
    static func encoder(to key: StreamKey, for seconds: Int) throws -> Child {
        try start(
            "ffmpeg",
            [
                "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i",
                "sine=frequency=440", "-t", "\(seconds)", "-c:v", "libx264", "-preset", "ultrafast", "-g", "12",
                "-b:v", "800k", "-c:a", "aac", "-f", "rtp_mpegts",
                "rtp://\(key.group):\(key.port)?pkt_size=1328&localaddr=\(key.source)&ttl=4",
            ])
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
        return try start(program, before + [file.path] + after).output()
    }

    /// Starts in the calling thread's network namespace.
    private static func start(_ program: String, _ arguments: [String]) throws -> Child {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, program, &actions, nil, &words, environ)
        close(ends[1])
        try #require(status == 0, "\(program) does not start")
        return Child(pid: pid, reading: FileDescriptor(owning: ends[0]))
    }

    final class Child {
        private let pid: pid_t
        private let reading: FileDescriptor

        init(pid: pid_t, reading: consuming FileDescriptor) {
            self.pid = pid
            self.reading = reading
        }

        /// All it says, once it has ended.
        func output() throws -> String {
            var said: [UInt8] = []
            while true {
                let part = try reading.read(upTo: 65_536)
                guard !part.isEmpty else { break }
                said += part
            }
            waitpid(pid, nil, 0)
            return String(decoding: said, as: UTF8.self)
        }

        func end() {
            kill(pid, SIGTERM)
            waitpid(pid, nil, 0)
        }
    }
}
