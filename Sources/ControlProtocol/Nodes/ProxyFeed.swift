import Clockwork
import Wire

/// "This client may join this channel", as the proxy passes it on: bound to the generation of the resource.
package struct AuthorizedSubscriber: Codable, Hashable, Sendable {
    package var subscriber: String
    package var binding: SubscriberBinding
    package var channel: ChannelKey
    package var generation: UInt64
    package var expires: UnixTime

    package init(
        subscriber: String, binding: SubscriberBinding, channel: ChannelKey, generation: UInt64, expires: UnixTime
    ) {
        self.subscriber = subscriber
        self.binding = binding
        self.channel = channel
        self.generation = generation
        self.expires = expires
    }
}

/// Channel ⇄ multicast resource, with what a master playlist says of the channel's renditions.
package struct ChannelMapEntry: Codable, Hashable, Sendable {
    package var resource: MulticastResource
    package var description: MediaDescription

    package init(resource: MulticastResource, description: MediaDescription) {
        self.resource = resource
        self.description = description
    }
}

/// What a proxy feeds one replication point: the channel map, the authorized subscribers in its prefixes, and the keys its
/// grants are verified with.
package enum ProxyFeedItem: FeedItem {
    case channelMap(ChannelMapEntry)
    case authorized(AuthorizedSubscriber)
    case grantKey(GrantKey)

    package var key: String {
        switch self {
        case .channelMap(let entry): Self.channelMapKey(entry.resource.channel)
        case .authorized(let entry): Self.authorizedKey(entry.channel, subscriber: entry.subscriber)
        case .grantKey(let key): "grant-key/\(key.keyIdentifier)"
        }
    }

    package var isGrantKey: Bool {
        if case .grantKey = self { true } else { false }
    }

    package static func channelMapKey(_ channel: ChannelKey) -> String { "channel-map/\(channel)" }

    package static func authorizedKey(_ channel: ChannelKey, subscriber: String) -> String {
        "authorized/\(channel)/\(subscriber)"
    }
}

/// A replication point's registration with its proxy.
package struct ReplicationPointRegistration: Codable, Hashable, Sendable {
    package static let maximumPrefixes = 256

    package var name: String
    package var prefixes: [IPPrefix]
    package var httpBase: String?

    package init(name: String, prefixes: [IPPrefix], httpBase: String? = nil) {
        self.name = name
        self.prefixes = prefixes
        self.httpBase = httpBase
    }
}

/// A replication point's standing: the proxy feed's position that its router has applied.
package struct ReplicationPointReport: Codable, Hashable, Sendable {
    package var position: FeedPosition

    package init(position: FeedPosition) {
        self.position = position
    }
}
