extension StockPlayer {
    /// Its own demultiplexer for transport streams and its own HLS; its console tells what was shown, lost and broken.
    ///
    /// It refuses to run as user 0, which everybody is in a sandbox: a user namespace gives it another number.
    package static let vlc = StockPlayer(name: "VLC", programs: ["vlc", "unshare"]) { url, seconds, _ in
        [
            "sh", "-c", #"{ sleep "$0"; echo stats; sleep 0.5; echo quit; } | exec "$@""#, "\(seconds + startSeconds)",
            "unshare", "--user", "--map-user=1000", "--map-group=1000", "vlc", "-vv", "--no-color", "--intf", "rc",
            "--rc-fake-tty", "--no-media-library", "--no-interact", "--vout=dummy", "--aout=dummy",
            "--no-video-title-show", url,
        ]
    } judge: { log in
        let broken = ["demux corrupted", "frames lost", "buffers lost"].filter { log.lastNumber(after: $0) ?? 0 > 0 }
        return PlaybackReport(
            pictures: log.lastNumber(after: "frames displayed") ?? 0,
            continuityErrors: max(
                log.lastNumber(after: "discontinuities") ?? 0, log.count(of: "discontinuity received")),
            complaints: broken.map { "\($0): \(log.lastNumber(after: $0) ?? 0)" }
                + log.complaints(with: ["decoder error", "cannot be opened", "Unable to open"]))
    }

    /// What it takes until the first picture, at most: it buffers a second of live streams.
    private static let startSeconds = 2
}
