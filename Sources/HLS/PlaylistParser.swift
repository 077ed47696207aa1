import Clockwork

/// Reads a playlist line by line; everything that does not fit is refused with the line's number.
struct PlaylistParser {
    private enum Kind {
        case master
        case media
    }

    private let location: MediaLocation
    private var kind: Kind?
    private var line = 0
    private var seen: Set<String> = []

    private var master = MasterPlaylist()
    private var pendingVariant: AttributeList?

    private var targetDuration: Duration?
    private var mediaSequence: Int64 = 0
    private var discontinuitySequence: Int64 = 0
    private var playlistKind = MediaPlaylist.Kind.live
    private var hasEnded = false
    private var obstacle: MulticastObstacle?
    private var segments: [MediaPlaylist.Segment] = []
    private var next = NextSegment()
    private var keys = PlaylistKeys()

    /// Tags seen since the last segment, which belong to the next one.
    private struct NextSegment {
        var duration: Duration?
        var range: (length: Int64, offset: Int64?)?
        var isDiscontinuous = false
        var isGap = false
        var programDateTime: UnixTime?
    }

    init(location: MediaLocation) {
        self.location = location
    }

    mutating func take(_ text: Substring, number: Int) throws(PlaylistError) {
        line = number
        guard number > 1 else {
            guard text == "#EXTM3U" else { throw failure(.missingHeader) }
            return
        }
        if text.isEmpty { return }
        guard text.hasPrefix("#") else { return try takeURI(text) }
        guard text.hasPrefix("#EXT") else { return }
        let colon = text.firstIndex(of: ":")
        let tag = String(text[..<(colon ?? text.endIndex)].dropFirst())
        let value = colon.map { text[text.index(after: $0)...] } ?? ""
        try takeTag(tag, value)
    }

    mutating func finish() throws(PlaylistError) -> Playlist {
        switch kind {
        case .master:
            guard pendingVariant == nil else { throw failure(.missingVariantURI) }
            guard !master.variants.isEmpty else { throw failure(.noContent) }
            return .master(master)
        case .media:
            guard next.duration == nil else { throw failure(.missingSegmentURI) }
            guard let targetDuration else { throw PlaylistError(line: 0, .missingTargetDuration) }
            return .media(
                MediaPlaylist(
                    targetDuration: targetDuration, mediaSequence: mediaSequence,
                    discontinuitySequence: discontinuitySequence, kind: playlistKind, hasEnded: hasEnded,
                    segments: segments, obstacle: obstacle, encryptedLine: keys.firstLine))
        case nil:
            throw PlaylistError(line: 0, .noContent)
        }
    }

    private func failure(_ reason: PlaylistError.Reason) -> PlaylistError { PlaylistError(line: line, reason) }

    // MARK: Tags

    private mutating func takeTag(_ tag: String, _ value: Substring) throws(PlaylistError) {
        switch tag {
        case "EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-SESSION-DATA",
            "EXT-X-SESSION-KEY":
            try become(.master)
            try takeMasterTag(tag, value)
        case "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-PLAYLIST-TYPE",
            "EXT-X-ENDLIST", "EXT-X-I-FRAMES-ONLY":
            try become(.media)
            try takeListTag(tag, value)
        case "EXTINF", "EXT-X-BYTERANGE", "EXT-X-DISCONTINUITY", "EXT-X-GAP", "EXT-X-PROGRAM-DATE-TIME", "EXT-X-KEY",
            "EXT-X-MAP":
            try become(.media)
            try takeSegmentTag(tag, value)
        case "EXT-X-SKIP":
            // A delta update: its older segments are missing, and we never ask for one.
            throw failure(.unsupportedTag(tag))
        default:
            // RFC 8216 §6.3.1: unknown tags are ignored.
            return
        }
    }

    private mutating func become(_ wanted: Kind) throws(PlaylistError) {
        guard kind == nil || kind == wanted else { throw failure(.mixedKinds) }
        kind = wanted
    }

    private mutating func takeMasterTag(_ tag: String, _ value: Substring) throws(PlaylistError) {
        switch tag {
        case "EXT-X-STREAM-INF":
            guard pendingVariant == nil else { throw failure(.missingVariantURI) }
            pendingVariant = try attributes(tag, value)
        case "EXT-X-MEDIA":
            let list = try attributes(tag, value)
            let uri = list["URI"]
            master.alternatives.append(
                MasterPlaylist.Alternative(
                    type: try required("TYPE", of: tag, in: list), group: try required("GROUP-ID", of: tag, in: list),
                    name: try required("NAME", of: tag, in: list), location: try uri.map(resolve)))
        default:
            return
        }
    }

    private mutating func takeListTag(_ tag: String, _ value: Substring) throws(PlaylistError) {
        guard seen.insert(tag).inserted else { throw failure(.duplicateTag(tag)) }
        switch tag {
        case "EXT-X-TARGETDURATION":
            let seconds = try integer(tag, value)
            guard (1...3600).contains(seconds) else { throw failure(.invalidNumber(tag)) }
            targetDuration = .seconds(seconds)
        case "EXT-X-MEDIA-SEQUENCE":
            guard segments.isEmpty else { throw failure(.tagAfterSegment(tag)) }
            mediaSequence = try integer(tag, value)
        case "EXT-X-DISCONTINUITY-SEQUENCE":
            guard segments.isEmpty, !next.isDiscontinuous else { throw failure(.tagAfterSegment(tag)) }
            discontinuitySequence = try integer(tag, value)
        case "EXT-X-PLAYLIST-TYPE":
            playlistKind = value == "VOD" ? .videoOnDemand : value == "EVENT" ? .event : .live
        case "EXT-X-I-FRAMES-ONLY":
            obstacle = obstacle ?? .framesOnly(line: line)
        default:
            hasEnded = true
        }
    }

    private mutating func takeSegmentTag(_ tag: String, _ value: Substring) throws(PlaylistError) {
        switch tag {
        case "EXTINF":
            guard next.duration == nil else { throw failure(.missingSegmentURI) }
            let number = value[..<(value.firstIndex(of: ",") ?? value.endIndex)]
            guard let duration = PlaylistNumbers.duration(number) else { throw failure(.invalidNumber(tag)) }
            next.duration = duration
        case "EXT-X-BYTERANGE":
            next.range = try range(value)
        case "EXT-X-DISCONTINUITY":
            next.isDiscontinuous = true
        case "EXT-X-GAP":
            next.isGap = true
        case "EXT-X-PROGRAM-DATE-TIME":
            // Nothing we send depends on it: a malformed date must not take a channel off the air.
            next.programDateTime = PlaylistNumbers.date(value)
        case "EXT-X-KEY":
            try takeKey(tag, try attributes(tag, value))
        default:
            let list = try attributes(tag, value)
            _ = try required("URI", of: tag, in: list)
            obstacle = obstacle ?? .initializationSection(line: line)
        }
    }

    private mutating func takeKey(_ tag: String, _ list: AttributeList) throws(PlaylistError) {
        let method = try required("METHOD", of: tag, in: list)
        guard method == "AES-128" else { return keys.take(method: method, at: line) }
        let location = try resolve(try required("URI", of: tag, in: list))
        let vector = try list["IV"].map { text throws(PlaylistError) in
            guard let vector = PlaylistNumbers.vector(text) else { throw failure(.invalidNumber(tag)) }
            return vector
        }
        keys.take(location, vector: vector, format: list["KEYFORMAT"] ?? "identity", at: line)
    }

    // MARK: URIs

    private mutating func takeURI(_ text: Substring) throws(PlaylistError) {
        if let list = pendingVariant {
            pendingVariant = nil
            return master.variants.append(try variant(list, at: text))
        }
        guard kind != .master else { return }
        try become(.media)
        guard let duration = next.duration else { throw failure(.segmentWithoutDuration) }
        let location = try resolve(text)
        let sequence = mediaSequence + Int64(segments.count)
        let key = keys.key(ofSegment: sequence)
        obstacle = obstacle ?? keys.obstacle
        segments.append(
            MediaPlaylist.Segment(
                location: location, sequence: sequence, duration: duration,
                byteRange: try byteRange(at: location), isDiscontinuous: next.isDiscontinuous, isGap: next.isGap,
                programDateTime: next.programDateTime, key: key))
        next = NextSegment()
    }

    private func variant(_ list: AttributeList, at text: Substring) throws(PlaylistError) -> MasterPlaylist.Variant {
        let tag = "EXT-X-STREAM-INF"
        let bandwidth = try integer(tag, Substring(try required("BANDWIDTH", of: tag, in: list)))
        let average = list["AVERAGE-BANDWIDTH"].flatMap { PlaylistNumbers.integer(Substring($0)) }
        return MasterPlaylist.Variant(
            location: try resolve(text), bandwidth: Int(bandwidth), averageBandwidth: average.map { Int($0) },
            resolution: try list["RESOLUTION"].map(resolution), codecs: list["CODECS"], audioGroup: list["AUDIO"])
    }

    private func resolution(_ text: String) throws(PlaylistError) -> MasterPlaylist.Variant.Resolution {
        let parts = text.split(separator: "x", omittingEmptySubsequences: false)
        guard parts.count == 2, let width = PlaylistNumbers.integer(parts[0]),
            let height = PlaylistNumbers.integer(parts[1]), width <= 65_535, height <= 65_535
        else { throw failure(.invalidNumber("RESOLUTION")) }
        return MasterPlaylist.Variant.Resolution(width: Int(width), height: Int(height))
    }

    private func byteRange(at location: MediaLocation) throws(PlaylistError) -> MediaPlaylist.ByteRange? {
        guard let range = next.range else { return nil }
        if let offset = range.offset { return MediaPlaylist.ByteRange(offset: offset, length: range.length) }
        // RFC 8216 §4.3.2.2: it continues the previous segment's range of the same resource.
        guard let previous = segments.last, previous.location == location, let before = previous.byteRange else {
            throw failure(.byteRangeWithoutOffset)
        }
        let (offset, overflow) = before.offset.addingReportingOverflow(before.length)
        guard !overflow, offset <= Int64.max / 4 else { throw failure(.invalidByteRange) }
        return MediaPlaylist.ByteRange(offset: offset, length: range.length)
    }

    private func range(_ value: Substring) throws(PlaylistError) -> (length: Int64, offset: Int64?) {
        let parts = value.split(separator: "@", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let length = PlaylistNumbers.integer(parts[0]), length > 0 else {
            throw failure(.invalidByteRange)
        }
        guard parts.count == 2 else { return (length, nil) }
        guard let offset = PlaylistNumbers.integer(parts[1]) else { throw failure(.invalidByteRange) }
        return (length, offset)
    }

    // MARK: Values

    private func resolve(_ text: some StringProtocol) throws(PlaylistError) -> MediaLocation {
        do {
            return try location.resolving(text)
        } catch {
            throw failure(.invalidLocation(error))
        }
    }

    private func integer(_ tag: String, _ value: Substring) throws(PlaylistError) -> Int64 {
        guard let number = PlaylistNumbers.integer(value) else { throw failure(.invalidNumber(tag)) }
        return number
    }

    private func attributes(_ tag: String, _ value: Substring) throws(PlaylistError) -> AttributeList {
        guard let list = AttributeList(value) else { throw failure(.malformedAttributes(tag)) }
        return list
    }

    private func required(
        _ name: String, of tag: String, in list: AttributeList
    ) throws(PlaylistError) -> String {
        guard let value = list[name] else { throw failure(.missingAttribute(tag: tag, name: name)) }
        return value
    }
}
