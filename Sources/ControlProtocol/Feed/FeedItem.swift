/// One piece of desired state. A feed carries a set of them, one a key.
package protocol FeedItem: Codable, Hashable, Sendable {
    /// Unique in its feed, stable while the item changes, and the order in which items are listed.
    var key: String { get }
}

/// Where a follower stands: the publisher's life and the last revision applied of it.
package struct FeedPosition: Codable, Hashable, Sendable {
    /// A publisher picks a new epoch when it starts without what it published before.
    package var epoch: String
    package var revision: UInt64

    package init(epoch: String, revision: UInt64) {
        self.epoch = epoch
        self.revision = revision
    }
}

/// What a publisher sends: a snapshot first, unless the follower's position is one it can continue, then changes
/// numbered without a gap.
package enum FeedMessage<Item: FeedItem>: Codable, Hashable, Sendable {
    case snapshot(position: FeedPosition, items: [Item])
    case change(position: FeedPosition, upserts: [Item], removals: [String])
    /// Says that the publisher is alive and what its newest revision is.
    case keepAlive(position: FeedPosition)

    package var position: FeedPosition {
        switch self {
        case .snapshot(let position, _), .change(let position, _, _), .keepAlive(let position): position
        }
    }
}
