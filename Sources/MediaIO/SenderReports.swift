import Clockwork
import LiveProxy
import MPEGTS

/// Names one rendition at a sender; never used again after its removal.
package struct MediaStreamID: Hashable, Sendable, Comparable {
    package let rawValue: UInt64
    package static func < (left: MediaStreamID, right: MediaStreamID) -> Bool { left.rawValue < right.rawValue }
}

/// How long after their planned departure trains left.
package struct LatenessHistogram: Hashable, Sendable, Codable {
    /// Upper bounds of all buckets but the last.
    package static let bounds: [Duration] = [
        .microseconds(100), .microseconds(250), .microseconds(500), .milliseconds(1), .milliseconds(5),
        .milliseconds(20),
    ]

    private static let limits = bounds.map(\.nanoseconds)

    package private(set) var counts = [UInt64](repeating: 0, count: limits.count + 1)
    package private(set) var worstNanoseconds: Int64 = 0

    package init() {}

    mutating func note(_ lateness: Int64) {
        var bucket = 0
        while bucket < Self.limits.count, lateness > Self.limits[bucket] { bucket += 1 }
        counts[bucket] &+= 1
        worstNanoseconds = max(worstNanoseconds, lateness)
    }
}

/// One rendition as its sender sees it.
package struct RenditionReport: Hashable, Sendable {
    /// To be saved, and given to `add` after a restart.
    package var continuation: RenditionState
    package var pacer: RenditionPacer.Counters
    package var conditioner: TransportStreamConditioner.Counters
    package var transmission: TransmissionCounters
    package var repair: RepairCounters
    /// Its continuation is kept in the journal; not so when the journal is full or there is none.
    package var isJournalled: Bool
    package var queued: Duration
    package var queuedBytes: Int
}

package struct TransmissionCounters: Hashable, Sendable, Codable {
    package internal(set) var packets: UInt64 = 0
    package internal(set) var bytes: UInt64 = 0
    /// Packets the kernel did not take, by full buffer or by error.
    package internal(set) var droppedPackets: UInt64 = 0
    package internal(set) var lastErrorNumber: Int32 = 0
    /// The interface cannot cut trains: each packet is sent by itself.
    package internal(set) var sendsSingly = false
    package internal(set) var lateness = LatenessHistogram()

    package init() {}
}

/// What became of bytes handed to a sender.
package enum AppendOutcome: Hashable, Sendable {
    /// `queued` is how much media waits now, as the playlist counts it.
    case accepted(queuedBytes: Int)
    case refused(AppendRefusal)
}

package enum AppendRefusal: Hashable, Sendable {
    case unknownStream
    /// Try again when some of it was sent.
    case queueFull(limit: Int)
    /// More segments of all renditions wait than the sending thread takes in.
    case sendingThreadBusy(limit: Int)
    case notMedia(TransportSegmentError)
    case stopped
}
