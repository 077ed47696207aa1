import Foundation

/// ffmpeg as a live packager: a test picture with a clock, in three resolutions, written as HLS into a folder.
package struct LiveLadder {
    package struct Rung: Sendable {
        package let name: String
        package let width: Int
        package let height: Int
        /// Bits a second of the picture; the sound adds 64 kbit/s.
        package let bitRate: Int
    }

    package static let rungs = [
        Rung(name: "720p", width: 1280, height: 720, bitRate: 1_500_000),
        Rung(name: "360p", width: 640, height: 360, bitRate: 700_000),
        Rung(name: "180p", width: 320, height: 180, bitRate: 300_000),
    ]

    /// Starts the packager in `node`; playlists appear as `FOLDER/NAME.m3u8`.
    package static func start(in node: Node, folder: String, seconds: Int) throws -> ChildProcess {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var command = [
            "nice", "ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-re", "-t", "\(seconds)",
            "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25",
            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-filter_complex",
            "[0:v]split=\(rungs.count)" + rungs.indices.map { "[in\($0)]" }.joined() + ";"
                + rungs.enumerated().map { "[in\($0)]scale=\($1.width):\($1.height)[v\($0)]" }.joined(separator: ";"),
        ]
        for (index, rung) in rungs.enumerated() {
            command += [
                "-map", "[v\(index)]", "-map", "1:a", "-c:v:\(index)", "libx264", "-b:v:\(index)", "\(rung.bitRate)",
                "-maxrate:v:\(index)", "\(rung.bitRate)", "-bufsize:v:\(index)", "\(rung.bitRate)",
            ]
        }
        command += [
            "-preset", "ultrafast", "-tune", "zerolatency", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
            "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", "-ac", "1",
            "-f", "hls", "-hls_time", "2", "-hls_list_size", "6", "-hls_delete_threshold", "6",
            "-hls_flags", "delete_segments+independent_segments+program_date_time+temp_file",
            "-hls_segment_filename", "\(folder)/%v-%05d.ts", "-var_stream_map",
            rungs.indices.map { "v:\($0),a:\($0),name:\(rungs[$0].name)" }.joined(separator: " "),
            "\(folder)/%v.m3u8",
        ]
        return try node.start("packager", command)
    }

    /// Whether every rung's playlist lists `segments` segments or more.
    package static func isReady(folder: String, segments: Int) -> Bool {
        rungs.allSatisfy { rung in
            let playlist = (try? String(contentsOfFile: "\(folder)/\(rung.name).m3u8", encoding: .utf8)) ?? ""
            return playlist.components(separatedBy: "#EXTINF").count > segments
        }
    }
}
