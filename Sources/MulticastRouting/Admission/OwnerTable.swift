import ControlProtocol
import Wire

/// The owners of authorizations, mappings and local trees, each with the feed it publishes. What an owner published
/// stands when it disconnects: it ends by expiry or by the owner's next snapshot.
struct OwnerTable: Sendable {
    struct Owner: Sendable {
        var follower: FeedFollower<RouterFeedItem>
        var isConnected = false
        /// In this life of the router.
        var hasSentSnapshot = false
        /// Trees the owner sends, sorted.
        var localTrees: [SourceGroup] = []
    }

    let maximumOwners: Int
    let maximumItems: Int
    private var owners: [String: Owner] = [:]

    init(limits: RoutingLimits) {
        maximumOwners = limits.owners
        maximumItems = limits.itemsPerOwner
    }

    /// Sorted.
    var names: [String] { owners.keys.sorted() }
    subscript(name: String) -> Owner? { owners[name] }

    mutating func connect(_ name: String) throws(OwnerProblem) {
        if owners[name] == nil {
            guard owners.count < maximumOwners else { throw .tooManyOwners(limit: maximumOwners) }
            owners[name] = Owner(follower: FeedFollower(maximumItems: maximumItems))
        }
        owners[name]?.isConnected = true
    }

    mutating func disconnect(_ name: String) {
        owners[name]?.isConnected = false
        // An owner that published nothing leaves nothing.
        if owners[name]?.follower.count == 0 { owners[name] = nil }
    }

    /// What was there and is not any more, and what is new; a changed item is in both.
    struct Difference: Sendable {
        var removed: [RouterFeedItem] = []
        var added: [RouterFeedItem] = []
    }

    mutating func apply(
        _ message: FeedMessage<RouterFeedItem>, from name: String
    ) throws(OwnerProblem) -> Difference {
        try connect(name)
        guard var owner = owners[name] else { return Difference() }
        // Taken out, so that the follower's table is changed in place.
        owners[name] = nil
        defer { owners[name] = owner }
        var difference = Difference()
        var before: [RouterFeedItem] = []
        switch message {
        case .change(_, let upserts, _): before = upserts.compactMap { owner.follower[$0.key] }
        case .snapshot(_, let items): before = items.compactMap { owner.follower[$0.key] }
        case .keepAlive: break
        }
        do throws(FeedError) {
            let changes = try owner.follower.apply(message)
            let changed = Set(changes.upserts.map(\.key))
            difference.removed = before.filter { changed.contains($0.key) } + changes.removals
            difference.added = changes.upserts
        } catch {
            throw .feed(error)
        }
        if case .snapshot = message { owner.hasSentSnapshot = true }
        for case .localTree(let tree) in difference.removed { owner.localTrees.removeAll { $0 == tree } }
        for case .localTree(let tree) in difference.added { owner.localTrees.insertSorted(tree) }
        return difference
    }

    /// Whether anybody sends trees from this host.
    var hasLocalTrees: Bool { owners.values.contains { !$0.localTrees.isEmpty } }

    /// The connected owners that send `tree`, sorted.
    func connectedSenders(of tree: SourceGroup) -> [String] {
        names.filter { owners[$0]?.isConnected == true && owners[$0]?.localTrees.contains(tree) == true }
    }
}
