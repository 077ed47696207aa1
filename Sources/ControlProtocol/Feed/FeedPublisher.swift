/// The publishing end of a feed: desired state by key, its revision, and enough history for a follower that was away
/// for a moment.
package struct FeedPublisher<Item: FeedItem>: Sendable {
    /// Changes kept for followers that come back.
    package static var maximumHistory: Int { 1_024 }

    private var items: [String: Item] = [:]
    private var history: [FeedMessage<Item>] = []
    package private(set) var position: FeedPosition

    /// - Parameter epoch: new for every life of the publisher, unless `items` and `revision` are those it had before.
    package init(epoch: String, revision: UInt64 = 0, items: [Item] = []) {
        position = FeedPosition(epoch: epoch, revision: revision)
        for item in items { self.items[item.key] = item }
    }

    package subscript(key: String) -> Item? { items[key] }

    package var count: Int { items.count }

    /// All items in the order of their keys.
    package var current: [Item] { items.values.sorted { $0.key < $1.key } }

    package var snapshot: FeedMessage<Item> { .snapshot(position: position, items: current) }

    package var keepAlive: FeedMessage<Item> { .keepAlive(position: position) }

    /// Changes the state; nil when nothing differs from what is published. A key in both lists stays.
    package mutating func update(upserts: [Item] = [], removals: [String] = []) -> FeedMessage<Item>? {
        var changed: [String: Item] = [:]
        for item in upserts where items[item.key] != item { changed[item.key] = item }
        let kept = removals.isEmpty ? [] : Set(upserts.map(\.key))
        let removed = Set(removals).filter { items[$0] != nil && !kept.contains($0) }.sorted()
        guard !changed.isEmpty || !removed.isEmpty else { return nil }
        for (key, item) in changed { items[key] = item }
        for key in removed { items[key] = nil }
        position.revision += 1
        let message = FeedMessage.change(
            position: position, upserts: changed.values.sorted { $0.key < $1.key }, removals: removed)
        history.append(message)
        if history.count > Self.maximumHistory { history.removeFirst(history.count - Self.maximumHistory) }
        return message
    }

    /// Replaces the whole state by `wanted`.
    package mutating func replace(with wanted: [Item]) -> FeedMessage<Item>? {
        let kept = Set(wanted.map(\.key))
        return update(upserts: wanted, removals: items.keys.filter { !kept.contains($0) })
    }

    /// What brings a follower at `follower` up to date: the changes it missed, or a snapshot.
    package func catchUp(from follower: FeedPosition?) -> [FeedMessage<Item>] {
        guard let follower, follower.epoch == position.epoch, follower.revision <= position.revision else {
            return [snapshot]
        }
        let missed = position.revision - follower.revision
        guard missed <= UInt64(history.count) else { return [snapshot] }
        return Array(history.suffix(Int(missed)))
    }
}
