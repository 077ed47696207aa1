import Channels
import Clockwork
import ControlProtocol
import Wire

/// The OTT live proxy: allocates groups to channels as its OTT servers ask, has them pulled and sent while anyone watches,
/// and tells each replication point the channel map and its own authorized subscribers.
///
/// Hand it an input and `now`, perform the actions in order, and call again with `.tick` at `deadline`. Expired
/// authorizations are the OTT server's to remove, and the router's to enforce.
package struct LiveProxyCore: Sendable {
    enum Timer: Hashable, Sendable {
        case channel(ChannelKey)
        case point(String)
        case hold
        case routerSettling
    }

    package let settings: LiveProxySettings
    package internal(set) var counters = LiveProxyCounters()
    var allocator: ChannelAllocator
    var channels: [ChannelKey: ChannelState] = [:]
    /// Serials of allocations refused because another server has a channel of that name.
    var conflicts: [ServedChannel: UInt64] = [:]
    /// Channels whose media description is still to come, with the server's revision of the first channel-join indication
    /// that waits for it: as long as it does, later revisions do not count as passed on.
    var waiting: [ChannelKey: UInt64] = [:]
    var joins: [ServedChannel: [String: ChannelJoinIndication]] = [:]
    var joinCount = 0
    var servers: [String: ServerState] = [:]
    var points: [String: PointState] = [:]
    /// Of all points, in the order of their names.
    var registrations: [ReplicationPointRegistration] = []
    var router: FeedPublisher<RouterFeedItem>
    var isRouterConnected = false
    var demand: [SourceGroup: Int] = [:]
    var treeOwners: [SourceGroup: ChannelKey] = [:]
    /// Replication points are told nothing yet, because a server has not said yet what it wants.
    package internal(set) var isHeld = true
    var timers = DeadlineQueue<Timer>()
    var changes = PendingChanges()
    var now: Instant
    private let life: String
    private var lastPublisher = 0

    /// - Parameters:
    ///   - state: what the last life persisted.
    ///   - life: a text no other life of this proxy had or will have.
    package init(settings: LiveProxySettings, state: LiveProxyState, life: String, now: Instant) {
        self.settings = settings
        self.life = life
        self.now = now
        allocator = ChannelAllocator(
            pools: settings.pools, source: settings.source, quarantine: settings.quarantine,
            maximumChannels: settings.maximumChannels, state: state.allocator, now: now)
        router = FeedPublisher(epoch: "\(life)-router")
        let limit = settings.maximumChannels + settings.maximumAuthorizedSubscribers
        for server in settings.servers {
            servers[server] = ServerState(follower: FeedFollower(maximumItems: limit))
        }
        timers.set(.hold, at: now + settings.holdLimit)
        restore(state.channels)
    }

    /// When `.tick` is due.
    package var deadline: Instant? {
        mutating get { timers.nextDeadline() }
    }

    package mutating func handle(_ input: LiveProxyInput, now: Instant) -> [LiveProxyAction] {
        self.now = now
        switch input {
        case .serverConnected(let server): changes.report(to: server)
        case .serverFeed(let server, let message): follow(message, of: server)
        case .replicationPointRegistered(let registration): register(registration)
        case .feedOpened(let point, let position): openFeed(of: point, from: position)
        case .feedClosed(let point): closeFeed(of: point)
        case .replicationPointReported(let point, let report): take(report, of: point)
        case .routerWantsSnapshot: connectRouter()
        case .routerDisconnected: disconnectRouter()
        case .routerDemand(let trees): take(trees)
        case .mediaDescription(let description): describe(description)
        case .mediaDescriptionFailed(let channel): refuseUndescribed(channel)
        case .tick: tick()
        }
        return flush()
    }

    /// What a restart goes on with; to be performed once, before any input.
    package mutating func start(now: Instant) -> [LiveProxyAction] {
        self.now = now
        return flush()
    }

    mutating func nextEpoch() -> String {
        lastPublisher += 1
        return "\(life)-\(lastPublisher)"
    }

    private mutating func tick() {
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .channel(let channel): timeOut(channel)
            case .point(let point): expire(point)
            case .hold: openFeeds(afterHold: true)
            case .routerSettling: endSettling()
            }
        }
    }
}

/// What one input has changed and others have to be told.
struct PendingChanges: Sendable {
    var isStateChanged = false
    /// Allocations that came or went, or whose serial changed: their map entry and all their joins are looked at.
    var channels: Set<ChannelKey> = []
    var joins: [ServedChannel: Set<String>] = [:]
    /// Points came, went or changed their prefixes: everyone's subscribers are looked at.
    var isPartitionChanged = false
    var stopped: [(channel: ChannelKey, generation: UInt64)] = []
    var started: [IngestOrder] = []
    var isRouterSnapshotDue = false
    var trees: [RouterFeedItem] = []
    var removedTrees: [String] = []
    var fetches: [(server: String, channel: ChannelKey)] = []
    var reports: Set<String> = []
    /// Points to be caught up, with where they stand.
    var catchUps: [(point: String, position: FeedPosition?)] = []
    /// Performed last, in the order they came.
    var others: [LiveProxyAction] = []

    mutating func report(to server: String) { reports.insert(server) }
    mutating func event(_ event: LiveProxyEvent) { others.append(.event(event)) }
}
