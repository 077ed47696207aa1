extension StockPlayer {
    /// Decodes as fast as the stream comes and names every error with its level.
    package static let ffmpeg = StockPlayer(name: "ffmpeg", programs: ["ffmpeg"]) { url, seconds, _ in
        ["ffmpeg", "-nostdin", "-v", "level+debug", "-i", url, "-t", "\(seconds)", "-f", "null", "-"]
    } judge: { log in
        PlaybackReport(
            pictures: log.lastNumber(after: "frame=") ?? 0,
            continuityErrors: log.count(of: "Continuity check failed"),
            complaints: log.complaints(with: ["[error]", "[fatal]", "Packet corrupt", "corrupt decoded frame"]))
    }

    /// The same decoder behind another player's clock and demultiplexer settings.
    package static let mpv = StockPlayer(name: "mpv", programs: ["mpv"]) { url, seconds, _ in
        [
            "mpv", "--no-config", "--vo=null", "--ao=null", "--length=\(seconds)",
            "--msg-level=all=warn,ffmpeg=trace,statusline=status",
            "--term-status-msg=pictures ${estimated-frame-number} dropped ${decoder-frame-drop-count}", url,
        ]
    } judge: { log in
        PlaybackReport(
            pictures: log.lastNumber(after: "pictures ") ?? 0,
            continuityErrors: log.count(of: "Continuity check failed"),
            complaints: log.complaints(with: ["error while decoding", "corrupt", "concealing", "Failed to "]))
    }
}
