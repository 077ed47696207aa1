import Clockwork
import ControlProtocol
import Wire

/// Everything the server knows of one live proxy: its registration, what it wants of it (the feed), and what the proxy
/// last said of itself.
package struct ProxyState: Sendable {
    package internal(set) var registration: ProxyRegistration
    /// Whether its keep-alive came in time.
    package internal(set) var isRegistered = true
    package internal(set) var openFeeds = 0
    package private(set) var feed: FeedPublisher<ServerFeedItem>
    package private(set) var nextSerial: UInt64
    /// Nil until the proxy reported in the feed's epoch.
    package private(set) var report: ProxyReport?
    private var outcomes: [ChannelKey: ProxyReport.Allocation] = [:]
    private var subscribers: [ChannelKey: Set<String>] = [:]
    /// The revision that carried each channel-join indication, by key.
    private var revisions: [String: UInt64] = [:]

    init(registration: ProxyRegistration, epoch: String) {
        self.registration = registration
        feed = FeedPublisher(epoch: epoch)
        nextSerial = 1
    }

    init(stored: StoredProxy) {
        registration = stored.registration
        feed = FeedPublisher(
            epoch: stored.position.epoch, revision: stored.position.revision, items: stored.items)
        nextSerial = max(stored.nextSerial, 1)
        for item in stored.items { index(item) }
    }

    package func allocation(of channel: ChannelKey) -> AllocationIndication? {
        guard case .allocation(let indication) = feed[ServerFeedItem.allocationKey(channel)] else { return nil }
        return indication
    }

    package func authorization(of channel: ChannelKey, subscriber: String) -> ChannelJoinIndication? {
        let key = ServerFeedItem.channelJoinKey(channel, subscriber: subscriber)
        guard case .channelJoin(let indication) = feed[key] else { return nil }
        return indication
    }

    /// Subscribers authorized for `channel`, sorted.
    package func subscribers(of channel: ChannelKey) -> [String] { (subscribers[channel] ?? []).sorted() }

    /// Keys of everything the feed holds of `channel`.
    func itemKeys(of channel: ChannelKey) -> [String] {
        [ServerFeedItem.allocationKey(channel)]
            + subscribers(of: channel).map { ServerFeedItem.channelJoinKey(channel, subscriber: $0) }
    }

    /// What became of the allocation that is asked for now; nil while the proxy has not said.
    package func outcome(of channel: ChannelKey) -> AllocationOutcome? {
        guard let indication = allocation(of: channel), let reported = outcomes[channel],
            reported.serial == indication.serial
        else { return nil }
        return reported.outcome
    }

    package func resource(of channel: ChannelKey) -> MulticastResource? {
        guard case .allocated(let resource) = outcome(of: channel) else { return nil }
        return resource
    }

    /// The replication point with the longest prefix that holds `address`.
    package func replicationPoint(for address: IPAddress) -> ReplicationPointStatus? {
        report?.replicationPoints.longestMatch(for: address) { $0.prefixes }
    }

    /// Whether the point that serves `address` admits the subscriber already.
    package func isApplied(_ channel: ChannelKey, subscriber: String, address: IPAddress) -> Bool {
        let key = ServerFeedItem.channelJoinKey(channel, subscriber: subscriber)
        guard let point = replicationPoint(for: address), let revision = revisions[key] else { return false }
        return point.applied >= revision
    }

    mutating func takeSerial() -> UInt64 {
        defer { nextSerial += 1 }
        return nextSerial
    }

    /// Nil when nothing differs from what is published.
    mutating func update(upserts: [ServerFeedItem], removals: [String]) -> FeedMessage<ServerFeedItem>? {
        for key in removals { unindex(key) }
        guard let message = feed.update(upserts: upserts, removals: removals) else { return nil }
        if case .change(_, let changed, _) = message { for item in changed { index(item) } }
        return message
    }

    /// Takes a report of the feed's own epoch; of another life only the serials count, so that none is used twice.
    mutating func accept(_ report: ProxyReport) {
        let highest = report.allocations.map(\.serial).max() ?? 0
        if highest >= nextSerial { nextSerial = highest &+ 1 }
        guard report.position.epoch == feed.position.epoch else { return }
        self.report = report
        self.report?.replicationPoints.sort { $0.name < $1.name }
        outcomes = [:]
        for allocation in report.allocations { outcomes[allocation.channel] = allocation }
    }

    /// Goes on under another epoch with the same items, because what followers have may not be what was stored.
    mutating func renewEpoch(_ epoch: String) -> FeedMessage<ServerFeedItem> {
        let items = feed.current
        feed = FeedPublisher(epoch: epoch, revision: 1, items: items)
        report = nil
        outcomes = [:]
        for item in items { index(item) }
        return feed.snapshot
    }

    private mutating func index(_ item: ServerFeedItem) {
        guard case .channelJoin(let indication) = item else { return }
        subscribers[indication.channel, default: []].insert(indication.subscriber)
        revisions[item.key] = feed.position.revision
    }

    private mutating func unindex(_ key: String) {
        guard case .channelJoin(let indication) = feed[key] else { return }
        revisions[key] = nil
        subscribers[indication.channel]?.remove(indication.subscriber)
        if subscribers[indication.channel]?.isEmpty == true { subscribers[indication.channel] = nil }
    }
}
