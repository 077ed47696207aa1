import Clockwork
import LinuxIO
import UnicastDelivery

/// One rendition's ring and whoever reads it.
final class UnicastStream {
    let key: StreamKey
    var feed: StreamFeed
    /// Slots, in no order.
    var viewers: [Int32] = []
    /// What all who keep up have been sent.
    var servedHead: UInt64 = 0
    var servedAt: Instant
    /// Somebody could take more at once.
    var hasBacklog = false
    /// Somebody waits for the first random-access point.
    var hasWaitingViewers = false
    /// Asked for while the playlist is still empty.
    var waiting: [(until: Instant, answer: @Sendable (StreamSnapshot?) -> Void)] = []
    var lastUsed: Instant

    static let maximumWaiting = 1024

    init(_ key: StreamKey, feed: StreamFeed, now: Instant) {
        self.key = key
        self.feed = feed
        servedAt = now
        lastUsed = now
    }

    var snapshot: StreamSnapshot {
        StreamSnapshot(
            segments: Array(feed.index.playlist), kept: feed.index.segments.first?.number,
            discontinuitySequence: feed.index.discontinuitySequence, memory: feed.memory,
            segmentLength: feed.index.configuration.segment)
    }
}

/// What the playlist of a stream names at one moment, and where its bytes are.
package struct StreamSnapshot: Sendable {
    package let segments: [RingSegment]
    /// The oldest segment that can still be fetched.
    let kept: Int64?
    package let discontinuitySequence: Int64
    package let memory: RingMemory
    package let segmentLength: Duration
}
