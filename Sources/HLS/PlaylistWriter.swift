import Clockwork

/// Writes the playlists that players are given (RFC 8216 §4).
package enum PlaylistWriter {
    /// One entry of a sliding media playlist.
    package struct Segment: Hashable, Sendable {
        package var uri: String
        package var duration: Duration
        package var isDiscontinuous: Bool
        /// It must not be fetched (EXT-X-GAP).
        package var isGap: Bool
        package var programDateTime: UnixTime

        package init(
            uri: String, duration: Duration, isDiscontinuous: Bool = false, isGap: Bool = false,
            programDateTime: UnixTime
        ) {
            self.uri = uri
            self.duration = duration
            self.isDiscontinuous = isDiscontinuous
            self.isGap = isGap
            self.programDateTime = programDateTime
        }
    }

    /// A live playlist; `targetDuration` is rounded up to whole seconds, and no segment may be longer.
    package static func live(
        targetDuration: Duration, mediaSequence: Int64, discontinuitySequence: Int64, segments: [Segment]
    ) -> String {
        let target = (targetDuration.nanoseconds + 999_999_999) / 1_000_000_000
        var text = "#EXTM3U\n#EXT-X-VERSION:\(segments.contains { $0.isGap } ? 8 : 3)\n"
        text += "#EXT-X-TARGETDURATION:\(target)\n#EXT-X-MEDIA-SEQUENCE:\(mediaSequence)\n"
        if discontinuitySequence > 0 { text += "#EXT-X-DISCONTINUITY-SEQUENCE:\(discontinuitySequence)\n" }
        text += "#EXT-X-INDEPENDENT-SEGMENTS\n"
        for segment in segments {
            if segment.isDiscontinuous { text += "#EXT-X-DISCONTINUITY\n" }
            text += "#EXT-X-PROGRAM-DATE-TIME:\(PlaylistNumbers.text(date: segment.programDateTime))\n"
            if segment.isGap { text += "#EXT-X-GAP\n" }
            text += "#EXTINF:\(PlaylistNumbers.text(duration: segment.duration)),\n\(segment.uri)\n"
        }
        return text
    }
}
