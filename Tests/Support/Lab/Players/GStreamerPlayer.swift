extension StockPlayer {
    /// `playbin` puts together what it has for the stream: souphttpsrc, hlsdemux, tsdemux, avdec_h264. Its picture sink names
    /// every picture it is handed; SIGINT ends it as Ctrl-C would.
    package static let gstreamer = StockPlayer(name: "GStreamer", programs: ["gst-launch-1.0", "timeout"]) {
        url, seconds, _ in
        [
            "env", "GST_DEBUG_NO_COLOR=1", "GST_DEBUG=2", "timeout", "--preserve-status", "-s", "INT",
            "-k", "5", "\(seconds + startSeconds)", "gst-launch-1.0", "-v", "playbin", "uri=\(url)",
            "video-sink=fakesink name=pictures silent=false sync=true", "audio-sink=fakesink name=sound sync=true",
        ]
    } judge: { log in
        PlaybackReport(
            pictures: log.lines.count { $0.contains("pictures") && $0.contains("chain ") },
            continuityErrors: log.count(of: "CONTINUITY: Mismatch"),
            complaints: log.complaints(with: [" libav ", "ERROR"]))
    }

    /// Its plug-ins are looked through at the first start in a new home.
    private static let startSeconds = 3
}
