import Clockwork
import ControlProtocol
import Wire

/// The multicast replication point: turns the channel map and the authorized subscribers its proxy feeds it into what the
/// router on this host understands (subscribers, trees, expiry), and tells the proxy how far the router has applied it.
///
/// Hand it an input with both clocks, perform the actions in order, and call again with `.tick` at `deadline`. After a
/// restart the router is told nothing until the proxy's first snapshot came: its entries of the last life stand.
package struct ReplicationPointCore: Sendable {
    /// The proxy's key, and those it signed with before.
    package static let maximumGrantKeys = 16

    package let settings: ReplicationPointSettings
    package internal(set) var counters = ReplicationPointCounters()
    var follower: FeedFollower<ProxyFeedItem>
    var router: FeedPublisher<RouterFeedItem>
    /// Authorized subscribers by channel: a channel's map entry may come and change without them.
    var subscribers: [ChannelKey: [String: AuthorizedSubscriber]] = [:]
    var channelMap: [ChannelKey: ChannelMapEntry] = [:]
    /// The proxy's position that each router revision reflects.
    var ledger = RevisionLedger<FeedPosition>()
    /// What the router has applied, in the proxy's terms.
    package internal(set) var applied: FeedPosition?
    var routerApplied: UInt64?
    package internal(set) var isProxyConnected = false
    package internal(set) var isRouterConnected = false
    var timers = DeadlineQueue<Timer>()
    /// Unicast sessions by their numbers, and the number of each viewer's.
    var viewers: [UInt64: ViewerState] = [:]
    var sessionIDs: [ViewerKey: UInt64] = [:]
    var sessionsOf: [String: Set<UInt64>] = [:]
    var lastSession: UInt64 = 0
    var refusals = RefusalLog()
    var actions: [ReplicationPointAction] = []
    var now: Instant
    var wallNow: UnixTime

    enum Timer: Hashable, Sendable {
        /// What the router was told ends.
        case authorization(AuthorizationKey)
        case session(UInt64)
    }

    struct AuthorizationKey: Hashable, Sendable, Comparable {
        var channel: ChannelKey
        var subscriber: String

        static func < (left: AuthorizationKey, right: AuthorizationKey) -> Bool {
            (left.channel, left.subscriber) < (right.channel, right.subscriber)
        }
    }

    /// - Parameter life: a text no other life of this replication point had or will have.
    package init(settings: ReplicationPointSettings, life: String, now: Instant, wallNow: UnixTime) {
        self.settings = settings
        self.now = now
        self.wallNow = wallNow
        follower = FeedFollower(
            maximumItems: settings.maximumChannels + settings.maximumAuthorizedSubscribers + Self.maximumGrantKeys)
        router = FeedPublisher(epoch: life)
    }

    /// When `.tick` is due.
    package var deadline: Instant? {
        mutating get { timers.nextDeadline() }
    }

    /// Where the proxy's feed is to be continued; nil asks for a snapshot.
    package var position: FeedPosition? { follower.position }

    package mutating func handle(
        _ input: ReplicationPointInput, now: Instant, wallNow: UnixTime
    ) -> [ReplicationPointAction] {
        self.now = now
        self.wallNow = wallNow
        switch input {
        case .proxyConnected: connectProxy()
        case .proxyDisconnected: isProxyConnected = false
        case .proxyFeed(let message): follow(message)
        case .routerWantsSnapshot: connectRouter()
        case .routerDisconnected: isRouterConnected = false
        case .routerApplied(let position): take(position)
        case .viewerAsks(let ask): admit(ask)
        case .streamBegan(let session, let rendition): beginStream(session, rendition)
        case .streamEnded(let session, let rendition, let bytes): endStream(session, rendition, bytes: bytes)
        case .sent(let session, let bytes): noteSent(session, bytes: bytes)
        case .tick: tick()
        }
        defer { actions = [] }
        return actions
    }

    private mutating func connectProxy() {
        isProxyConnected = true
        reportApplied()
    }

    private mutating func follow(_ message: FeedMessage<ProxyFeedItem>) {
        let difference: FeedDifference<ProxyFeedItem>
        let wasHeld = position == nil
        do throws(FeedError) {
            difference = try follower.apply(message)
        } catch {
            counters.feedsLost += 1
            follower.losePlace()
            actions.append(.resynchronize)
            actions.append(.event(.feedLost(reason: "\(error)")))
            return
        }
        if case .keepAlive = message { return }
        var touched: Set<AuthorizationKey> = []
        var mapped: Set<ChannelKey> = []
        for item in difference.removals { remove(item, &touched, &mapped) }
        for item in difference.upserts { take(item, &touched, &mapped) }
        if (difference.upserts + difference.removals).contains(where: \.isGrantKey) {
            actions.append(.grantKeys(grantKeys))
        }
        let replaced = channelMap.filter { mapped.contains($0.key) }.mapValues(\.resource)
        publish(touched, mapped, asSnapshot: wasHeld)
        reviewSessions(touched, expired: false, replaced: replaced)
        ledger.note(message.position, at: router.position.revision)
        settle()
    }

    /// What the proxy signs with now, in the order of their names.
    var grantKeys: [GrantKey] {
        follower.current.compactMap { if case .grantKey(let key) = $0 { key } else { nil } }
    }

    private mutating func remove(
        _ item: ProxyFeedItem, _ touched: inout Set<AuthorizationKey>, _ mapped: inout Set<ChannelKey>
    ) {
        switch item {
        case .channelMap(let entry):
            mapped.insert(entry.resource.channel)
            actions.append(.event(.channelUnmapped(channel: entry.resource.channel)))
        case .authorized(let entry):
            subscribers[entry.channel]?[entry.subscriber] = nil
            if subscribers[entry.channel]?.isEmpty == true { subscribers[entry.channel] = nil }
            let key = AuthorizationKey(channel: entry.channel, subscriber: entry.subscriber)
            timers.cancel(.authorization(key))
            touched.insert(key)
            counters.withdrawals += 1
            actions.append(.event(.withdrawn(subscriber: entry.subscriber, channel: entry.channel)))
        case .grantKey: break
        }
    }

    private mutating func take(
        _ item: ProxyFeedItem, _ touched: inout Set<AuthorizationKey>, _ mapped: inout Set<ChannelKey>
    ) {
        switch item {
        case .channelMap(let entry):
            let resource = entry.resource
            mapped.insert(resource.channel)
            let event = ReplicationPointEvent.channelMapped(channel: resource.channel, generation: resource.generation)
            actions.append(.event(event))
        case .authorized(let entry):
            guard entry.expires > wallNow else {
                counters.expiredOnArrival += 1
                expireOnArrival(entry, &touched)
                return
            }
            subscribers[entry.channel, default: [:]][entry.subscriber] = entry
            let key = AuthorizationKey(channel: entry.channel, subscriber: entry.subscriber)
            timers.set(.authorization(key), at: now + (entry.expires - wallNow))
            touched.insert(key)
            counters.authorizations += 1
            actions.append(.event(.authorized(subscriber: entry.subscriber, channel: entry.channel)))
        case .grantKey: break
        }
    }

    private mutating func expireOnArrival(_ entry: AuthorizedSubscriber, _ touched: inout Set<AuthorizationKey>) {
        let key = AuthorizationKey(channel: entry.channel, subscriber: entry.subscriber)
        guard subscribers[entry.channel]?.removeValue(forKey: entry.subscriber) != nil else { return }
        timers.cancel(.authorization(key))
        touched.insert(key)
    }

    private mutating func tick() {
        var expired: Set<AuthorizationKey> = []
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .session(let id): lookAt(id)
            case .authorization(let key): if isExpired(key) { expired.insert(key) }
            }
        }
        publish(expired, [], asSnapshot: false)
        reviewSessions(expired, expired: true, replaced: [:])
    }

    private mutating func isExpired(_ key: AuthorizationKey) -> Bool {
        guard let entry = subscribers[key.channel]?[key.subscriber] else { return false }
        if entry.expires > wallNow {
            // The calendar was set back, or the two clocks drift: the calendar decides.
            timers.set(.authorization(key), at: now + max(entry.expires - wallNow, .milliseconds(1)))
            return false
        }
        subscribers[key.channel]?[key.subscriber] = nil
        if subscribers[key.channel]?.isEmpty == true { subscribers[key.channel] = nil }
        counters.expiries += 1
        actions.append(.event(.expired(subscriber: key.subscriber, channel: key.channel)))
        return true
    }
}
