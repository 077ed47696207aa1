import ControlProtocol
import Wire

/// Positions of owners' feeds that are told once the kernel's table reflects them.
struct PendingReplies: Sendable {
    private struct Reply: Sendable {
        var owner: String
        var position: FeedPosition
        /// Nil until the step that took the message ends.
        var trees: Set<SourceGroup>?
    }

    /// More messages of one owner than this wait together.
    static let maximumPerOwner = 64

    private var replies: [Reply] = []

    var isEmpty: Bool { replies.isEmpty }

    mutating func add(owner: String, _ position: FeedPosition) {
        replies.append(Reply(owner: owner, position: position))
        guard replies.count(where: { $0.owner == owner }) > Self.maximumPerOwner else { return }
        merge(owner)
    }

    mutating func drop(owner: String) { replies.removeAll { $0.owner == owner } }

    /// The replies of this step wait for these trees.
    mutating func assign(_ trees: Set<SourceGroup>) {
        for index in replies.indices where replies[index].trees == nil { replies[index].trees = trees }
    }

    /// Replies that wait for nothing any more, those of an owner in order.
    mutating func takeDue(isUnderWay: (SourceGroup) -> Bool) -> [(owner: String, position: FeedPosition)] {
        var due: [(owner: String, position: FeedPosition)] = []
        var held: Set<String> = []
        replies.removeAll { reply in
            guard !held.contains(reply.owner), reply.trees?.contains(where: isUnderWay) == false else {
                held.insert(reply.owner)
                return false
            }
            due.append((reply.owner, reply.position))
            return true
        }
        return due
    }

    /// The oldest reply of the owner is told by the next one.
    private mutating func merge(_ owner: String) {
        let places = replies.indices.filter { replies[$0].owner == owner }
        guard places.count > 1 else { return }
        let first = replies[places[0]]
        if let trees = first.trees { replies[places[1]].trees?.formUnion(trees) }
        replies.remove(at: places[0])
    }
}
