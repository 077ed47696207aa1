import Clockwork

/// What a playlist URL returned (RFC 8216 §4).
///
///     let playlist = try Playlist(parsing: bytes, at: location)
///
/// `bytes` is a whole HTTP body; `location` the URL that answered after redirects, against which URIs are resolved.
package enum Playlist: Hashable, Sendable {
    case master(MasterPlaylist)
    case media(MediaPlaylist)

    package static let maximumBytes = 1 << 20
    package static let maximumLines = 10_000

    package init(parsing bytes: [UInt8], at location: MediaLocation) throws(PlaylistError) {
        var parser = PlaylistParser(location: location)
        try PlaylistLines.forEach(in: bytes) { (line, number) throws(PlaylistError) in
            try parser.take(line, number: number)
        }
        self = try parser.finish()
    }
}

/// The renditions of a channel (RFC 8216 §4.3.4).
package struct MasterPlaylist: Hashable, Sendable {
    package struct Variant: Hashable, Sendable {
        package struct Resolution: Hashable, Sendable {
            package let width: Int
            package let height: Int
        }

        package let location: MediaLocation
        /// Peak bits per second.
        package let bandwidth: Int
        package let averageBandwidth: Int?
        package let resolution: Resolution?
        package let codecs: String?
        /// GROUP-ID of the audio alternatives; where one has a playlist of its own the variant alone may lack sound.
        package let audioGroup: String?
    }

    package struct Alternative: Hashable, Sendable {
        package let type: String
        package let group: String
        package let name: String
        /// Nil when the alternative is part of the variant itself.
        package let location: MediaLocation?
    }

    package var variants: [Variant] = []
    package var alternatives: [Alternative] = []

    /// Whether this variant's sound comes from a playlist of its own, so that its segments alone are not the programme.
    package func hasSeparateAudio(_ variant: Variant) -> Bool {
        alternatives.contains { $0.type == "AUDIO" && $0.group == variant.audioGroup && $0.location != nil }
    }
}

/// The segments of one rendition (RFC 8216 §4.3.3).
package struct MediaPlaylist: Hashable, Sendable {
    package struct Segment: Hashable, Sendable {
        package let location: MediaLocation
        package let sequence: Int64
        package let duration: Duration
        package let byteRange: ByteRange?
        /// EXT-X-DISCONTINUITY stands before it.
        package let isDiscontinuous: Bool
        /// EXT-X-GAP: it exists in name only and must not be fetched.
        package let isGap: Bool
        package let programDateTime: UnixTime?
        /// What decrypts it; nil when it is clear.
        package let key: SegmentKey?
    }

    package struct ByteRange: Hashable, Sendable {
        package let offset: Int64
        package let length: Int64

        package init(offset: Int64, length: Int64) {
            self.offset = offset
            self.length = length
        }
    }

    package enum Kind: Hashable, Sendable {
        case live
        case event
        case videoOnDemand
    }

    package let targetDuration: Duration
    /// Of the first segment.
    package let mediaSequence: Int64
    package let discontinuitySequence: Int64
    package let kind: Kind
    package let hasEnded: Bool
    package let segments: [Segment]
    /// The first thing in the list that keeps its segments from being sent as one clear transport stream.
    package let obstacle: MulticastObstacle?

    /// Where AES-128 first appears; nil when all segments are clear.
    package let encryptedLine: Int?

    /// The sequence number after the last segment.
    package var endSequence: Int64 { mediaSequence + Int64(segments.count) }

    /// Discontinuities since the stream began, as far as the list knows, up to the segment before `sequence`
    /// (RFC 8216 §4.3.3.3).
    func discontinuities(before sequence: Int64) -> Int64 {
        let listed = segments.prefix(Int(clamping: max(sequence - mediaSequence, 0))).count(where: \.isDiscontinuous)
        return discontinuitySequence &+ Int64(listed)
    }

    package var duration: Duration { segments.reduce(.zero) { $0 + $1.duration } }
}

/// AES-128 as EXT-X-KEY describes it (RFC 8216 §4.3.2.4): CBC over the whole segment, with PKCS7 padding.
package struct SegmentKey: Hashable, Sendable {
    package static let size = 16

    /// Of the sixteen bytes of the key; always https.
    package let location: MediaLocation
    package let initializationVector: [UInt8]

    package init(location: MediaLocation, initializationVector: [UInt8]) {
        self.location = location
        self.initializationVector = initializationVector
    }

    /// What applies where the list names no vector: the sequence number (RFC 8216 §5.2).
    package static func initializationVector(of sequence: Int64) -> [UInt8] {
        [UInt8](repeating: 0, count: 8) + (0..<8).map { UInt8(truncatingIfNeeded: sequence >> (56 - 8 * $0)) }
    }
}

/// Why a media playlist, though well formed, cannot be multicast as MPEG-TS.
package enum MulticastObstacle: Hashable, Sendable, CustomStringConvertible {
    /// EXT-X-KEY with a method that cannot be undone here, or may not be.
    case encrypted(method: String, line: Int)
    /// The key would come over a connection that anyone on the way can read.
    case keyNotSecure(line: Int)
    /// EXT-X-MAP: segments are fragmented MP4 or need an initialization section.
    case initializationSection(line: Int)
    case framesOnly(line: Int)

    package var description: String {
        switch self {
        case .encrypted(let method, let line): "line \(line): segments are encrypted (\(method))"
        case .keyNotSecure(let line): "line \(line): the key is not fetched by https"
        case .initializationSection(let line): "line \(line): segments are not self-contained MPEG-TS (EXT-X-MAP)"
        case .framesOnly(let line): "line \(line): list holds I-frames only"
        }
    }
}
