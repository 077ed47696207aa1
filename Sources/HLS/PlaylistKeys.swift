/// The EXT-X-KEY tags in force (RFC 8216 §4.3.2.4). Tags between two segments are ways to the same key, of which one that
/// can be used suffices; the next segment's tags replace them.
struct PlaylistKeys {
    private struct Usable {
        let location: MediaLocation
        let vector: [UInt8]?
    }

    private var usable: Usable?
    /// Why what is in force cannot be used, if nothing in it can.
    private var refusal: MulticastObstacle?
    private var isComplete = true
    /// Of the first AES-128 key.
    private(set) var firstLine: Int?

    mutating func take(method: String, at line: Int) {
        beginIfComplete()
        if method != "NONE" { refusal = refusal ?? .encrypted(method: method, line: line) }
    }

    mutating func take(_ location: MediaLocation, vector: [UInt8]?, format: String, at line: Int) {
        beginIfComplete()
        guard format == "identity" else {
            refusal = refusal ?? .encrypted(method: "AES-128 by \(format)", line: line)
            return
        }
        guard location.scheme == .https else {
            refusal = refusal ?? .keyNotSecure(line: line)
            return
        }
        firstLine = firstLine ?? line
        usable = usable ?? Usable(location: location, vector: vector)
    }

    private mutating func beginIfComplete() {
        guard isComplete else { return }
        (usable, refusal, isComplete) = (nil, nil, false)
    }

    /// What decrypts the segment that the tags so far are followed by.
    mutating func key(ofSegment sequence: Int64) -> SegmentKey? {
        isComplete = true
        return usable.map {
            SegmentKey(
                location: $0.location,
                initializationVector: $0.vector ?? SegmentKey.initializationVector(of: sequence))
        }
    }

    /// Why the segment asked for last cannot be had in the clear.
    var obstacle: MulticastObstacle? { usable == nil ? refusal : nil }
}
