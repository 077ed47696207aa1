import Clockwork
import Wire

/// "Reports of this subscriber for this tree are admitted": the router knows no channels; `label` is for people.
package struct RouterAuthorization: Codable, Hashable, Sendable {
    package var subscriber: String
    package var binding: SubscriberBinding
    /// A tree without a source admits any source of the group.
    package var tree: SourceGroup
    package var expires: UnixTime
    package var label: String?

    package init(
        subscriber: String, binding: SubscriberBinding, tree: SourceGroup, expires: UnixTime, label: String? = nil
    ) {
        self.subscriber = subscriber
        self.binding = binding
        self.tree = tree
        self.expires = expires
        self.label = label
    }
}

/// "This unicast viewer wants this tree": while one stands, the router copies the tree to its delivery interface, where
/// the owner receives it (`RouterRequest.Body.openDelivery`).
package struct UnicastMember: Codable, Hashable, Sendable {
    /// The `subscriber` of the point's own interest in a tree, which needs no authorization: channels kept warm, bursts.
    package static let ownInterest = "-"

    /// With its source.
    package var tree: SourceGroup
    /// Admitted while some owner authorizes this subscriber for the tree at `address`; or `ownInterest`.
    package var subscriber: String
    /// Where the viewer asks from; an address of the point for its own interest.
    package var address: IPAddress
    package var since: UnixTime

    package init(tree: SourceGroup, subscriber: String, address: IPAddress, since: UnixTime) {
        self.tree = tree
        self.subscriber = subscriber
        self.address = address
        self.since = since
    }

    package var isOwnInterest: Bool { subscriber == Self.ownInterest }
}

/// What one owner (`live-proxy`, `replication-point`, `operator`) wants of the router on its host.
package enum RouterFeedItem: FeedItem {
    case authorization(RouterAuthorization)
    /// The source of a group that hosts join as (*,G): SSM mapping, and any-source pools.
    case sourceMapping(group: IPAddress, source: IPAddress)
    /// The owner sends this tree from this host and wants to hear of the demand for it.
    case localTree(tree: SourceGroup)
    /// Somebody watches this tree by unicast at the owner.
    case unicastMember(UnicastMember)

    package var key: String {
        switch self {
        case .authorization(let entry): Self.authorizationKey(entry.tree, subscriber: entry.subscriber)
        case .sourceMapping(let group, _): Self.sourceMappingKey(group)
        case .localTree(let tree): Self.localTreeKey(tree)
        case .unicastMember(let member):
            Self.unicastMemberKey(member.tree, subscriber: member.subscriber, address: member.address)
        }
    }

    package static func authorizationKey(_ tree: SourceGroup, subscriber: String) -> String {
        "authorization/\(tree)/\(subscriber)"
    }

    package static func sourceMappingKey(_ group: IPAddress) -> String { "source-mapping/\(group)" }

    package static func localTreeKey(_ tree: SourceGroup) -> String { "local-tree/\(tree)" }

    package static func unicastMemberKey(
        _ tree: SourceGroup, subscriber: String, address: IPAddress
    ) -> String {
        "unicast-member/\(tree)/\(address)/\(subscriber)"
    }
}

/// How many ask for a tree at this router.
package struct TreeDemand: Codable, Hashable, Sendable {
    package var tree: SourceGroup
    package var outputPorts: Int

    package init(tree: SourceGroup, outputPorts: Int) {
        self.tree = tree
        self.outputPorts = outputPorts
    }
}
