import Foundation

/// What a player of somebody else says of what it played.
package struct PlaybackReport: Sendable, CustomStringConvertible {
    /// Pictures it decoded or showed.
    package var pictures = 0
    /// Breaks in the transport stream's continuity counters, by the player's own demultiplexer.
    package var continuityErrors = 0
    /// What it had to complain of, in its words; at most a few lines.
    package var complaints: [String] = []

    package var description: String {
        "\(pictures) pictures, \(continuityErrors) continuity errors"
            + (complaints.isEmpty ? ", no complaint" : ": \(complaints.joined(separator: " | "))")
    }

    /// Whether it showed `pictures` or more, and nothing was wrong.
    package func isFaultless(pictures least: Int) -> Bool {
        pictures >= least && continuityErrors == 0 && complaints.isEmpty
    }
}

/// A player of somebody else, run without a screen.
package struct StockPlayer: Sendable, CustomStringConvertible {
    package let name: String
    /// What has to be on PATH.
    let programs: [String]
    /// Plays a URL for some seconds and ends; the folder is for what it wants to write.
    let command: @Sendable (_ url: String, _ seconds: Int, _ folder: String) -> [String]
    let judge: @Sendable (_ log: PlayerLog) -> PlaybackReport

    package var description: String { name }

    package static let all: [StockPlayer] = [.ffmpeg, .vlc, .mpv, .gstreamer]

    /// The programs that are missing here.
    package static var missing: [String] {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return all.flatMap(\.programs).filter { program in
            !folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
        }
    }

    /// Starts playing in `node`; `name` tells several runs there apart.
    package func play(_ url: String, in node: Node, seconds: Int, as name: String) throws -> Playback {
        let folder = node.path("\(name)-home")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let child = try node.start(name, command(url, seconds, folder), environment: ["HOME": folder])
        return Playback(player: self, child: child)
    }
}

/// A player at work.
package struct Playback {
    package let player: StockPlayer
    package let child: ChildProcess

    /// What it says in the end; a player that hangs is ended, and that is a complaint.
    package func report(within limit: Duration) -> PlaybackReport {
        let ended = child.waitForExit(within: limit)
        if !ended { child.stop() }
        var report = player.judge(PlayerLog(child.log))
        if !ended { report.complaints.append("it did not end by itself") }
        if ended, child.status != 0 { report.complaints.append("exit \(child.status)") }
        return report
    }
}

/// What a player wrote, as lines.
struct PlayerLog {
    private static let shownComplaints = 4
    let lines: [Substring]

    init(_ text: String) {
        lines = text.split(whereSeparator: \.isNewline)
    }

    func count(of text: String) -> Int { lines.count { $0.contains(text) } }

    /// The first lines that hold one of `words`.
    func complaints(with words: [String]) -> [String] {
        let found = lines.lazy.filter { line in words.contains { line.contains($0) } }
        return found.prefix(Self.shownComplaints).map { String($0.prefix(160)) }
    }

    /// The whole number after `text` where it last stands.
    func lastNumber(after text: String) -> Int? {
        for line in lines.reversed() {
            guard let range = line.range(of: text, options: .backwards) else { continue }
            let digits = line[range.upperBound...].drop { $0 == " " || $0 == ":" }.prefix(while: \.isNumber)
            if let number = Int(digits) { return number }
        }
        return nil
    }
}
