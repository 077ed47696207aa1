/// Why a playlist was refused, and in which line (1-based; 0 when the whole text is at fault).
package struct PlaylistError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        case tooLarge(limit: Int)
        case tooManyLines(limit: Int)
        case notUTF8
        case byteOrderMark
        case controlCharacter
        case missingHeader
        /// Tags of a master playlist and of a media playlist in one text (RFC 8216 §4.1).
        case mixedKinds
        /// Neither a segment nor a variant nor a target duration.
        case noContent
        case missingTargetDuration
        case missingVariantURI
        case missingSegmentURI
        case segmentWithoutDuration
        case duplicateTag(String)
        /// A tag that must precede the first segment came after it (RFC 8216 §4.3.3).
        case tagAfterSegment(String)
        case invalidNumber(String)
        case invalidByteRange
        case byteRangeWithoutOffset
        case malformedAttributes(String)
        case missingAttribute(tag: String, name: String)
        case invalidLocation(LocationError)
        /// A tag that changes what the list means and that we do not implement.
        case unsupportedTag(String)
    }

    package let line: Int
    package let reason: Reason

    package init(line: Int, _ reason: Reason) {
        self.line = line
        self.reason = reason
    }

    package var description: String { line == 0 ? "playlist: \(text)" : "playlist line \(line): \(text)" }

    private var text: String {
        switch reason {
        case .tooLarge(let limit): "larger than \(limit) bytes"
        case .tooManyLines(let limit): "more than \(limit) lines"
        case .notUTF8: "not UTF-8 text"
        case .byteOrderMark: "begins with a byte order mark"
        case .controlCharacter: "contains a control character"
        case .missingHeader: "does not begin with #EXTM3U"
        case .mixedKinds: "mixes tags of a master playlist with those of a media playlist"
        case .noContent: "is neither a master playlist nor a media playlist"
        case .missingTargetDuration: "has no EXT-X-TARGETDURATION"
        case .missingVariantURI: "EXT-X-STREAM-INF is not followed by a URI"
        case .missingSegmentURI: "EXTINF is not followed by a URI; the list may be cut short"
        case .segmentWithoutDuration: "segment has no EXTINF"
        case .duplicateTag(let tag): "\(tag) appears twice"
        case .tagAfterSegment(let tag): "\(tag) appears after the first segment"
        case .invalidNumber(let tag): "\(tag) has no valid number"
        case .invalidByteRange: "EXT-X-BYTERANGE is malformed"
        case .byteRangeWithoutOffset: "EXT-X-BYTERANGE has no offset and no previous range of the same resource"
        case .malformedAttributes(let tag): "attribute list of \(tag) is malformed"
        case .missingAttribute(let tag, let name): "\(tag) lacks \(name)"
        case .invalidLocation(let error): "URI is refused: \(error.reason)"
        case .unsupportedTag(let tag): "\(tag) is not supported"
        }
    }
}
