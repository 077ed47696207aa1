import Clockwork
import ControlProtocol

/// What a replication point is told by its configuration.
package struct ReplicationPointSettings: Hashable, Sendable {
    package var registration: ReplicationPointRegistration
    package var maximumChannels = 10_000
    package var maximumAuthorizedSubscribers = 200_000

    package init(registration: ReplicationPointRegistration) {
        self.registration = registration
    }
}

/// What happens to a replication point.
package enum ReplicationPointInput: Hashable, Sendable {
    /// The feed's connection stands: the proxy wants to hear how far we are.
    case proxyConnected
    case proxyDisconnected
    case proxyFeed(FeedMessage<ProxyFeedItem>)
    /// The router on this host accepted us, and may have missed anything.
    case routerWantsSnapshot
    case routerDisconnected
    /// The kernel's table reflects what we published up to here.
    case routerApplied(FeedPosition)
    case tick
}

/// What a replication point wants done, in this order.
package enum ReplicationPointAction: Hashable, Sendable {
    case router(FeedMessage<RouterFeedItem>)
    /// To the proxy; only the newest one counts.
    case report(ReplicationPointReport)
    /// The feed lost its place: connect again without a position.
    case resynchronize
    case event(ReplicationPointEvent)
}

/// What an operator may want to know of, for logs and `watch`.
package enum ReplicationPointEvent: Codable, Hashable, Sendable {
    case authorized(subscriber: String, channel: ChannelKey)
    case withdrawn(subscriber: String, channel: ChannelKey)
    case expired(subscriber: String, channel: ChannelKey)
    case channelMapped(channel: ChannelKey, generation: UInt64)
    case channelUnmapped(channel: ChannelKey)
    case feedLost(reason: String)
}

/// What a replication point has done since it started.
package struct ReplicationPointCounters: Hashable, Sendable {
    package internal(set) var authorizations: UInt64 = 0
    package internal(set) var withdrawals: UInt64 = 0
    package internal(set) var expiries: UInt64 = 0
    /// Authorized subscribers of a generation that the channel map does not have.
    package internal(set) var outdatedGenerations: UInt64 = 0
    package internal(set) var expiredOnArrival: UInt64 = 0
    package internal(set) var feedsLost: UInt64 = 0
    package internal(set) var positionsUnknown: UInt64 = 0

    /// In the order of their names.
    package var all: [NamedCount] {
        [
            ("authorizations", authorizations), ("expired-on-arrival", expiredOnArrival), ("expiries", expiries),
            ("feeds-lost", feedsLost), ("outdated-generations", outdatedGenerations),
            ("positions-unknown", positionsUnknown), ("withdrawals", withdrawals),
        ].map { NamedCount(name: $0.0, count: $0.1) }
    }
}
