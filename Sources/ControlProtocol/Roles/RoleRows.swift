import Clockwork
import Wire

/// One channel as a role knows it, by key.
package struct ChannelRow: Codable, Hashable, Sendable {
    package var channel: ChannelKey
    package var title: String?
    package var renditions: Int
    /// `catalogued`, `allocating`, `allocated`, `idle`, `resting` …: the role's own word for where the channel stands.
    package var state: String
    /// The proxy that allocated, as far as known.
    package var proxy: String?
    package var resource: MulticastResource?
    /// Output ports that ask for any of its trees, where the role knows.
    package var outputPorts: Int?
    package var authorizedSubscribers: Int?

    package init(
        channel: ChannelKey, title: String? = nil, renditions: Int = 0, state: String, proxy: String? = nil,
        resource: MulticastResource? = nil, outputPorts: Int? = nil, authorizedSubscribers: Int? = nil
    ) {
        self.channel = channel
        self.title = title
        self.renditions = renditions
        self.state = state
        self.proxy = proxy
        self.resource = resource
        self.outputPorts = outputPorts
        self.authorizedSubscribers = authorizedSubscribers
    }
}

/// One subscriber as a role knows it, by name.
package struct SubscriberRow: Codable, Hashable, Sendable {
    package struct Channel: Codable, Hashable, Sendable {
        package var channel: ChannelKey
        /// `entitled`, `authorized`, `expired` …
        package var state: String
        package var expires: UnixTime?

        package init(channel: ChannelKey, state: String, expires: UnixTime? = nil) {
            self.channel = channel
            self.state = state
            self.expires = expires
        }
    }

    package var subscriber: String
    package var binding: SubscriberBinding
    package var channels: [Channel]

    package init(subscriber: String, binding: SubscriberBinding, channels: [Channel] = []) {
        self.subscriber = subscriber
        self.binding = binding
        self.channels = channels
    }
}

/// One thing with a life of its own: a registration, an ingest, a follower, a viewer.
package struct SessionRow: Codable, Hashable, Sendable {
    /// `registration`, `ingest`, `follower`, `viewer`.
    package var kind: String
    package var name: String
    package var peer: String?
    package var state: String
    package var since: UnixTime?
    package var expires: UnixTime?
    package var detail: String?

    package init(
        kind: String, name: String, peer: String? = nil, state: String, since: UnixTime? = nil,
        expires: UnixTime? = nil, detail: String? = nil
    ) {
        self.kind = kind
        self.name = name
        self.peer = peer
        self.state = state
        self.since = since
        self.expires = expires
        self.detail = detail
    }
}

/// One feed, seen from one of its ends.
package struct FeedRow: Codable, Hashable, Sendable {
    /// `publishes` or `follows`.
    package var direction: String
    /// The other end's name.
    package var peer: String
    package var items: Int
    package var position: FeedPosition?
    /// What the follower reported as applied.
    package var applied: FeedPosition?
    package var state: String

    package init(
        direction: String, peer: String, items: Int, position: FeedPosition?, applied: FeedPosition? = nil,
        state: String
    ) {
        self.direction = direction
        self.peer = peer
        self.items = items
        self.position = position
        self.applied = applied
        self.state = state
    }
}
