/// Why a follower must ask for a snapshot.
package enum FeedError: Error, Equatable, Sendable {
    /// A change came before any snapshot, or of another life of the publisher.
    case unknownEpoch(String)
    /// Changes between these two revisions are missing.
    case gap(have: UInt64, got: UInt64)
    case tooManyItems(limit: Int)
}

/// What a message changed at the follower, in key order.
package struct FeedDifference<Item: FeedItem>: Sendable, Equatable {
    package var upserts: [Item] = []
    package var removals: [Item] = []

    package init(upserts: [Item] = [], removals: [Item] = []) {
        self.upserts = upserts
        self.removals = removals
    }

    package var isEmpty: Bool { upserts.isEmpty && removals.isEmpty }
}

/// The following end of a feed: applies messages in order and notices when it lost its place.
package struct FeedFollower<Item: FeedItem>: Sendable {
    package let maximumItems: Int
    private var items: [String: Item] = [:]
    /// Nil until the first snapshot.
    package private(set) var position: FeedPosition?

    package init(maximumItems: Int = 1_000_000) {
        self.maximumItems = maximumItems
    }

    package subscript(key: String) -> Item? { items[key] }
    package var count: Int { items.count }
    package var current: [Item] { Self.sorted(items) { _, _ in true } }

    /// Applies `message`; after an error the state is unchanged and a snapshot must be asked for.
    package mutating func apply(_ message: FeedMessage<Item>) throws(FeedError) -> FeedDifference<Item> {
        switch message {
        case .snapshot(let position, let snapshot): return try replace(with: snapshot, at: position)
        case .change(let position, let upserts, let removals):
            return try change(to: position, upserts: upserts, removals: removals)
        case .keepAlive(let position):
            try require(position, isRevision: { $0 == position.revision })
            return FeedDifference()
        }
    }

    /// Forgets the position, so that the next connection begins with a snapshot.
    package mutating func losePlace() {
        position = nil
    }

    private func require(_ got: FeedPosition, isRevision: (UInt64) -> Bool) throws(FeedError) {
        guard let position, position.epoch == got.epoch else { throw .unknownEpoch(got.epoch) }
        guard isRevision(position.revision) else { throw .gap(have: position.revision, got: got.revision) }
    }

    private mutating func replace(
        with snapshot: [Item], at position: FeedPosition
    ) throws(FeedError) -> FeedDifference<Item> {
        guard snapshot.count <= maximumItems else { throw .tooManyItems(limit: maximumItems) }
        var wanted: [String: Item] = [:]
        for item in snapshot { wanted[item.key] = item }
        let upserts = Self.sorted(wanted) { items[$0] != $1 }
        let removals = Self.sorted(items) { key, _ in wanted[key] == nil }
        items = wanted
        self.position = position
        return FeedDifference(upserts: upserts, removals: removals)
    }

    /// Those of `items` that `isMeant` says, in the order of their keys, none of which is computed anew.
    private static func sorted(_ items: [String: Item], where isMeant: (String, Item) -> Bool) -> [Item] {
        items.filter { isMeant($0.key, $0.value) }.sorted { $0.key < $1.key }.map(\.value)
    }

    private mutating func change(
        to position: FeedPosition, upserts: [Item], removals: [String]
    ) throws(FeedError) -> FeedDifference<Item> {
        try require(position, isRevision: { $0 &+ 1 == position.revision })
        let added = Set(upserts.map(\.key)).filter { items[$0] == nil }.count
        guard items.count + added <= maximumItems else { throw .tooManyItems(limit: maximumItems) }
        var difference = FeedDifference<Item>()
        for key in removals {
            if let removed = items.removeValue(forKey: key) { difference.removals.append(removed) }
        }
        for item in upserts {
            items[item.key] = item
            difference.upserts.append(item)
        }
        self.position = position
        return difference
    }
}
