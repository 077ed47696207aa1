import Authorization
import Clockwork
import ControlProtocol
import Wire

/// The OTT server: chooses the proxy, has channels allocated, authorizes subscribers, and answers a join when the
/// authorization has been applied where the client is.
///
/// Hand it an input with both clocks, perform the actions in order, and call again with `.tick` at `deadline`.
package struct OTTServerCore: Sendable {
    enum Timer: Hashable, Sendable {
        case join(UInt64)
        case keepAlive(proxy: String)
        case retention(proxy: String)
        case authorization(AuthorizationKey)
    }

    struct AuthorizationKey: Hashable, Sendable, Comparable {
        var proxy: String
        var channel: ChannelKey
        var subscriber: String

        static func < (left: AuthorizationKey, right: AuthorizationKey) -> Bool {
            (left.proxy, left.channel, left.subscriber) < (right.proxy, right.channel, right.subscriber)
        }
    }

    struct WaitingJoin: Sendable {
        var id: UInt64
        var proxy: String
        var channel: ChannelKey
        var subscriber: String
        var address: IPAddress
        var grant: AuthorizationGrant
    }

    package let settings: OTTServerSettings
    package internal(set) var proxies: [String: ProxyState] = [:]
    package internal(set) var catalogue: [ChannelKey: MediaDescription] = [:]
    package internal(set) var counters = OTTServerCounters()
    var joins: [UInt64: WaitingJoin] = [:]
    var authorizations: [String: Set<AuthorizationKey>] = [:]
    var timers = DeadlineQueue<Timer>()
    var chance: SeededGenerator
    var actions: [OTTServerAction] = []
    var now = Instant.zero
    var wallNow = UnixTime(milliseconds: 0)

    /// - Parameters:
    ///   - stored: what the last life wrote down; its proxies have one keep-alive time to come back.
    ///   - seed: of the epochs' names; another for every life.
    package init(
        settings: OTTServerSettings, catalogue: [MediaDescription], stored: [StoredProxy] = [], seed: UInt64,
        now: Instant, wallNow: UnixTime
    ) {
        self.settings = settings
        self.now = now
        self.wallNow = wallNow
        chance = SeededGenerator(seed: seed)
        for description in catalogue.prefix(settings.maximumChannels) {
            self.catalogue[description.channel] = description
        }
        for proxy in stored.prefix(settings.maximumProxies) { restore(proxy) }
    }

    /// When `.tick` is due.
    package var deadline: Instant? {
        mutating get { timers.nextDeadline() }
    }

    package var waitingJoins: Int { joins.count }

    package mutating func handle(_ input: OTTServerInput, now: Instant, wallNow: UnixTime) -> [OTTServerAction] {
        self.now = now
        self.wallNow = wallNow
        switch input {
        case .clientJoin(let request): join(request)
        case .clientGone(let id): forgetJoin(id)
        case .subscriberChanged(let id, let record): reviewSubscriber(id, record: record)
        case .catalogueChanged(let descriptions): replaceCatalogue(descriptions)
        case .proxyRegistered(let registration): register(registration)
        case .feedOpened(let proxy): proxies[proxy]?.openFeeds += 1
        case .feedClosed(let proxy): closeFeed(of: proxy)
        case .proxyReported(let name, let report): take(report, of: name)
        case .preallocate(let channel, let proxy, let preallocation): preallocate(channel, at: proxy, preallocation)
        case .storeFailed(let proxy): renewEpoch(of: proxy)
        case .tick: tick()
        }
        defer { actions = [] }
        return actions
    }

    /// What a proxy that connects with `position` is sent first; nil when it is not registered.
    package func catchUp(proxy: String, from position: FeedPosition?) -> [FeedMessage<ServerFeedItem>]? {
        proxies[proxy]?.feed.catchUp(from: position)
    }

    /// Everything to be stored of a proxy, for a store that missed changes.
    package func stored(proxy: String) -> StoredProxy? {
        proxies[proxy].map {
            StoredProxy(
                registration: $0.registration, position: $0.feed.position, nextSerial: $0.nextSerial,
                items: $0.feed.current)
        }
    }

    // MARK: - Time

    private mutating func tick() {
        var expired: [AuthorizationKey] = []
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .join(let id): timeOut(id)
            case .keepAlive(let proxy): expire(proxy)
            case .retention(let proxy): forget(proxy)
            case .authorization(let key): if isExpired(key) { expired.append(key) }
            }
        }
        withdraw(expired)
        for key in expired {
            counters.authorizationsExpired += 1
            actions.append(.event(.expired(subscriber: key.subscriber, channel: key.channel)))
        }
    }

    private mutating func isExpired(_ key: AuthorizationKey) -> Bool {
        guard let held = proxies[key.proxy]?.authorization(of: key.channel, subscriber: key.subscriber) else {
            return false
        }
        if held.expires <= wallNow { return true }
        timers.set(.authorization(key), at: now + (held.expires - wallNow))
        return false
    }

    // MARK: - Publishing

    /// Changes what is wanted of a proxy: the one place where its items, their timers and their index change.
    mutating func publish(to proxy: String, upserts: [ServerFeedItem], removals: [String] = []) {
        let removed = removals.compactMap { proxies[proxy]?.feed[$0] }
        // In place: a copy of the state would copy every item with the first change.
        let message = proxies[proxy]?.update(upserts: upserts, removals: removals)
        guard let message, case .change(let position, let changed, let gone) = message,
            let nextSerial = proxies[proxy]?.nextSerial
        else { return }
        for item in removed where proxies[proxy]?.feed[item.key] == nil { unindex(item, proxy: proxy) }
        for item in changed { index(item, proxy: proxy) }
        let change = StoreChange.items(
            proxy: proxy, position: position, nextSerial: nextSerial, upserts: changed, removals: gone)
        actions.append(.store(change))
        actions.append(.publish(proxy: proxy, message: message))
    }

    func index(of item: ServerFeedItem, proxy: String) -> (key: AuthorizationKey, expires: UnixTime)? {
        guard case .channelJoin(let join) = item else { return nil }
        return (
            AuthorizationKey(proxy: proxy, channel: join.channel, subscriber: join.subscriber), join.expires
        )
    }

    mutating func index(_ item: ServerFeedItem, proxy: String) {
        guard let (key, expires) = index(of: item, proxy: proxy) else { return }
        authorizations[key.subscriber, default: []].insert(key)
        timers.set(.authorization(key), at: now + (expires - wallNow))
    }

    private mutating func unindex(_ item: ServerFeedItem, proxy: String) {
        guard let (key, _) = index(of: item, proxy: proxy) else { return }
        timers.cancel(.authorization(key))
        authorizations[key.subscriber]?.remove(key)
        if authorizations[key.subscriber]?.isEmpty == true { authorizations[key.subscriber] = nil }
    }

    /// Takes authorizations back, one change a proxy.
    mutating func withdraw(_ keys: [AuthorizationKey]) {
        let byProxy = Dictionary(grouping: keys, by: \.proxy)
        for proxy in byProxy.keys.sorted() {
            let removals = (byProxy[proxy] ?? []).map {
                ServerFeedItem.channelJoinKey($0.channel, subscriber: $0.subscriber)
            }
            publish(to: proxy, upserts: [], removals: removals)
        }
    }
}
