import Clockwork

/// What `mrpctl` sends to a role of `mrpd`, one JSON object a line; the framing is the router socket's.
package struct RoleRequest: Codable, Hashable, Sendable {
    package enum Body: Codable, Hashable, Sendable {
        /// Answered by `document` with an `ElementDescription`.
        case describe
        /// Answered by `document`; see `RoleTopic`.
        case show(topic: String)
        /// Answered by `event` lines until the connection closes.
        case watch(topics: [String])
        /// Answered by `document` or `done`; `arguments` is the JSON text of the command's own argument type.
        case command(name: String, arguments: String)
        /// Answered by `document` with a `RoleExplanation` of the steps this role can see.
        case explain(subscriber: String, channel: ChannelKey)
    }

    /// Chosen by the requester; answers repeat it.
    package var id: UInt64
    package var body: Body

    package init(id: UInt64, body: Body) {
        self.id = id
        self.body = body
    }
}

/// What a role answers, one JSON object a line. Documents and events are JSON text of the role's own types.
package struct RoleReply: Codable, Hashable, Sendable {
    package enum Body: Codable, Hashable, Sendable {
        case done
        case document(json: String)
        case event(json: String)
        case problem(Problem)
    }

    package var id: UInt64
    package var body: Body

    package init(id: UInt64, body: Body) {
        self.id = id
        self.body = body
    }
}

/// What roles show; the router's topics are `RouterTopic`.
package enum RoleTopic: String, CaseIterable, Sendable {
    /// `ChannelsDocument`: catalogue, allocation and channel map as this role knows them.
    case channels
    /// `SubscribersDocument`: subscribers and what they may watch, or who is authorized.
    case subscribers
    /// `SessionsDocument`: registrations, ingests and followers.
    case sessions
    /// `FeedsDocument`: each feed published or followed, and how far the other end has applied it.
    case feeds
    /// `RoleCountersDocument`
    case counters
}

/// The commands of a role and their arguments.
package enum RoleCommand: String, CaseIterable, Sendable {
    /// `ChannelArguments`; pre-allocates (DESIGN flow 6).
    case channelAllocate = "channel-allocate"
    /// `ChannelArguments`; a pre-allocated channel is released when nobody watches it.
    case channelRelease = "channel-release"
    /// `SubscriberArguments`
    case subscriberAdd = "subscriber-add"
    /// `SubscriberArguments`, of which only the name counts.
    case subscriberRemove = "subscriber-remove"
    /// `EntitlementArguments`
    case entitle
    /// `EntitlementArguments`
    case revoke
}

/// Names channels, and for an allocation the proxy that is to allocate (all proxies when absent).
package struct ChannelArguments: Codable, Hashable, Sendable {
    package static let maximumChannels = 1_000

    package var channels: [ChannelKey]
    package var proxy: String?
    /// Nil is `cold`.
    package var preallocation: Preallocation?

    package init(channels: [ChannelKey], proxy: String? = nil, preallocation: Preallocation? = nil) {
        self.channels = channels
        self.proxy = proxy
        self.preallocation = preallocation
    }
}

/// Names a subscriber, and where its device is as far as known.
package struct SubscriberArguments: Codable, Hashable, Sendable {
    package var subscriber: String
    package var binding: SubscriberBinding

    package init(subscriber: String, binding: SubscriberBinding = SubscriberBinding(addresses: [])) {
        self.subscriber = subscriber
        self.binding = binding
    }
}

/// Says which channels a subscriber may watch.
package struct EntitlementArguments: Codable, Hashable, Sendable {
    package var subscriber: String
    package var scope: ChannelScope
    /// Without end when absent.
    package var until: UnixTime?

    package init(subscriber: String, scope: ChannelScope, until: UnixTime? = nil) {
        self.subscriber = subscriber
        self.scope = scope
        self.until = until
    }
}
