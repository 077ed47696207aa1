import Clockwork
import ControlProtocol
import Wire

/// What a replication point is told by its configuration.
package struct ReplicationPointSettings: Hashable, Sendable {
    package var registration: ReplicationPointRegistration
    package var maximumChannels = 10_000
    package var maximumAuthorizedSubscribers = 200_000
    package var maximumSessions = 10_000
    /// Channels one subscriber may watch at once, over all its addresses; sessions with no stream open give way.
    package var maximumSessionsPerSubscriber = 16
    package var maximumStreamsPerSession = 8
    /// How long a session stands of which nothing is open or asked.
    package var sessionIdleTimeout: Duration = .seconds(60)
    /// How long a rendition stays wanted after its last stream ended.
    package var linger: Duration = .seconds(2)
    /// Whether a playlist of one rendition makes all of its channel's wanted, for the player to switch between.
    package var holdsAllRenditions = false
    /// How long a rendition stays wanted after a playlist or segment of it was asked for.
    package var playlistHold: Duration = .seconds(20)

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
    /// Answered by `admitted` or `refused`.
    case viewerAsks(ViewerAsk)
    /// Answered by `refused` when nothing may be sent.
    case streamBegan(session: UInt64, rendition: String)
    case streamEnded(session: UInt64, rendition: String, bytes: UInt64)
    /// Bytes of a playlist or a segment.
    case sent(session: UInt64, bytes: UInt64)
    case tick
}

/// What a replication point wants done, in this order.
package enum ReplicationPointAction: Hashable, Sendable {
    case router(FeedMessage<RouterFeedItem>)
    /// To the proxy; only the newest one counts.
    case report(ReplicationPointReport)
    /// The feed lost its place: connect again without a position.
    case resynchronize
    /// Grants are verified with these from now on, and with no other.
    case grantKeys([GrantKey])
    case admitted(ViewerSession)
    case refused(ViewerRefusal)
    case closeSession(id: UInt64, reason: SessionEnd)
    case event(ReplicationPointEvent)
}

/// What an operator may want to know of, for logs and `watch`.
package enum ReplicationPointEvent: Hashable, Sendable {
    case authorized(subscriber: String, channel: ChannelKey)
    case withdrawn(subscriber: String, channel: ChannelKey)
    case expired(subscriber: String, channel: ChannelKey)
    case channelMapped(channel: ChannelKey, generation: UInt64)
    case channelUnmapped(channel: ChannelKey)
    case feedLost(reason: String)
    case sessionOpened(subscriber: String, channel: ChannelKey, address: IPAddress)
    case sessionClosed(subscriber: String, channel: ChannelKey, address: IPAddress, reason: SessionEnd)
    case viewerRefused(subscriber: String, channel: ChannelKey, address: IPAddress, reason: ViewerRefusal)
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
    package internal(set) var sessionsOpened: UInt64 = 0
    package internal(set) var sessionsClosed: [SessionEnd: UInt64] = [:]
    package internal(set) var viewersRefused: [ViewerRefusal: UInt64] = [:]
    package internal(set) var streamsBegun: UInt64 = 0
    /// By unicast, of whatever was reported.
    package internal(set) var bytesSent: UInt64 = 0

    /// In the order of their names.
    package var all: [NamedCount] {
        let named = [
            ("authorizations", authorizations), ("expired-on-arrival", expiredOnArrival), ("expiries", expiries),
            ("feeds-lost", feedsLost), ("outdated-generations", outdatedGenerations),
            ("positions-unknown", positionsUnknown), ("withdrawals", withdrawals),
            ("sessions-opened", sessionsOpened), ("streams-begun", streamsBegun), ("unicast-bytes-sent", bytesSent),
        ]
        let closed = SessionEnd.allCases.map { ("sessions-closed-\($0.rawValue)", sessionsClosed[$0] ?? 0) }
        let refused = ViewerRefusal.allCases.map { ("viewers-refused-\($0.rawValue)", viewersRefused[$0] ?? 0) }
        return (named + closed + refused).map { NamedCount(name: $0.0, count: $0.1) }.sorted { $0.name < $1.name }
    }
}
