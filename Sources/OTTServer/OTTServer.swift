import Authorization
import Clockwork
import ControlProtocol
import Wire

/// Times and limits of an OTT server.
package struct OTTServerSettings: Hashable, Sendable {
    /// How long a join may wait for its allocation and its replication point.
    package var joinDeadline: Duration = .seconds(5)
    /// A proxy that neither registers nor reports for this long is not chosen any more.
    package var proxyKeepAlive: Duration = .seconds(15)
    /// After this long without a sign of life a proxy and its items are forgotten.
    package var proxyRetention: Duration = .seconds(24 * 3_600)
    package var policy = AuthorizationPolicy()
    /// Allocated at every proxy as soon as it registers (DESIGN flow 6).
    package var preallocatedChannels: [ChannelKey: Preallocation] = [:]
    package var maximumWaitingJoins = 10_000
    package var maximumProxies = 256
    package var maximumItemsPerProxy = 200_000
    package var maximumChannels = 10_000

    package init() {}
}

/// A client's request to join a channel, its token verified and its subscriber looked up.
package struct JoinRequest: Hashable, Sendable {
    /// Chosen by the shell; the answer repeats it.
    package var id: UInt64
    package var token: TokenGrant
    package var record: SubscriberRecord?
    package var channel: ChannelKey
    package var address: IPAddress
    /// The proxy that asks on the client's behalf: it must be the one that serves the address.
    package var proxy: String?

    package init(
        id: UInt64, token: TokenGrant, record: SubscriberRecord?, channel: ChannelKey, address: IPAddress,
        proxy: String? = nil
    ) {
        self.id = id
        self.token = token
        self.record = record
        self.channel = channel
        self.address = address
        self.proxy = proxy
    }
}

/// A proxy's items as they were when the server stopped, by kill or otherwise.
package struct StoredProxy: Hashable, Sendable {
    package var registration: ProxyRegistration
    package var position: FeedPosition
    package var nextSerial: UInt64
    package var items: [ServerFeedItem]

    package init(
        registration: ProxyRegistration, position: FeedPosition, nextSerial: UInt64, items: [ServerFeedItem]
    ) {
        self.registration = registration
        self.position = position
        self.nextSerial = nextSerial
        self.items = items
    }
}

package enum OTTServerInput: Sendable {
    case clientJoin(JoinRequest)
    /// The requester hung up; its authorization stands, its answer is not wanted.
    case clientGone(id: UInt64)
    /// A record changed; nil when the subscriber was removed.
    case subscriberChanged(id: String, record: SubscriberRecord?)
    case catalogueChanged([MediaDescription])
    case proxyRegistered(ProxyRegistration)
    case feedOpened(proxy: String)
    case feedClosed(proxy: String)
    case proxyReported(name: String, report: ProxyReport)
    /// Keeps a channel allocated at a proxy though nobody joins, or no longer (nil); no proxy means every known one.
    case preallocate(channel: ChannelKey, proxy: String?, Preallocation?)
    /// What was last to be stored of this proxy could not be.
    case storeFailed(proxy: String)
    case tick
}

/// What to write down before the message that follows is sent.
package enum StoreChange: Hashable, Sendable {
    case registration(ProxyRegistration, position: FeedPosition, nextSerial: UInt64)
    case items(
        proxy: String, position: FeedPosition, nextSerial: UInt64, upserts: [ServerFeedItem], removals: [String])
    case forget(proxy: String)
}

package enum OTTServerAction: Sendable {
    case store(StoreChange)
    case publish(proxy: String, message: FeedMessage<ServerFeedItem>)
    case answerJoin(id: UInt64, result: Result<JoinAnswer, Problem>)
    /// The input itself (a registration, a report, a preallocation) is refused.
    case refuse(Problem)
    case event(OTTServerEvent)
}

package enum OTTServerEvent: Hashable, Sendable {
    case proxyRegistered(String)
    case proxyExpired(String)
    case proxyForgotten(String)
    case allocationAsked(proxy: String, channel: ChannelKey, serial: UInt64)
    case allocationRefused(proxy: String, channel: ChannelKey, reason: String)
    case allocationReleased(proxy: String, channel: ChannelKey)
    case authorized(subscriber: String, channel: ChannelKey, proxy: String)
    case revoked(subscriber: String, channel: ChannelKey, reason: AuthorizationRefusal)
    case expired(subscriber: String, channel: ChannelKey)
    case joinRefused(subscriber: String, channel: ChannelKey, code: String)
}
