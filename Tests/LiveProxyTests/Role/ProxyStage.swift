import Channels
import Clockwork
import ControlProtocol
import LiveProxy
import Testing
import Wire

/// A live proxy with everything around it played by the test: OTT servers, replication points, router, disk.
struct ProxyStage {
    static let server = "https://ott1"
    static let other = "https://ott2"

    var core: LiveProxyCore
    var now = Instant.zero
    var servers: [String: FeedPublisher<ServerFeedItem>] = [:]
    var points: [String: FeedFollower<ProxyFeedItem>] = [:]
    var router = FeedFollower<RouterFeedItem>()
    var disk: LiveProxyState?
    /// Everything performed since `clear`.
    var actions: [LiveProxyAction] = []
    var ingests: Set<ChannelKey> = []

    init(
        servers: [String] = [server],
        state: LiveProxyState = LiveProxyState(allocator: AllocatorState(nextGeneration: 1)),
        life: String = "life1", now: Instant = .zero, pools: String = "232.1.0.0/16",
        adjust: (inout LiveProxySettings) -> Void = { _ in }
    ) throws {
        let pool = GroupPool(
            name: "default", layout: .groupPerRendition, addressing: .sourceSpecific,
            groups: try #require(IPPrefix(pools)), firstPort: 5_000)
        var settings = LiveProxySettings(
            servers: servers, source: .v4(IPv4Address(10, 255, 0, 1)), pools: [pool])
        adjust(&settings)
        self.now = now
        core = LiveProxyCore(settings: settings, state: state, life: life, now: now)
        for server in servers { self.servers[server] = FeedPublisher(epoch: "epoch-of-\(server)") }
        perform(core.start(now: now))
    }

    // MARK: - What happens

    mutating func send(_ input: LiveProxyInput) {
        perform(core.handle(input, now: now))
    }

    /// Lets `duration` pass, with every tick on time.
    mutating func wait(_ duration: Duration) {
        let end = now + duration
        while let deadline = core.deadline, deadline <= end {
            now = max(now, deadline)
            send(.tick)
        }
        now = end
    }

    mutating func connect(_ server: String = server) throws {
        send(.serverConnected(server: server))
        let snapshot = try #require(servers[server]?.snapshot)
        send(.serverFeed(server: server, message: snapshot))
    }

    mutating func connectRouter() {
        send(.routerWantsSnapshot)
    }

    mutating func publish(_ upserts: [ServerFeedItem], removals: [String] = [], of server: String = server) {
        guard let message = servers[server]?.update(upserts: upserts, removals: removals) else { return }
        send(.serverFeed(server: server, message: message))
    }

    mutating func follow(as point: String, prefixes: [String]) throws {
        let prefixes = try prefixes.map { try #require(IPPrefix($0)) }
        send(.replicationPointRegistered(ReplicationPointRegistration(name: point, prefixes: prefixes)))
        points[point] = points[point] ?? FeedFollower()
        send(.feedOpened(point: point, position: points[point]?.position))
    }

    /// The point's router has applied what it was told.
    mutating func apply(at point: String) throws {
        let position = try #require(points[point]?.position)
        send(.replicationPointReported(point: point, report: ReplicationPointReport(position: position)))
    }

    mutating func demand(_ ports: Int, for channel: ChannelKey, rendition: Int = 0) throws {
        let resource = try #require(self.resource(of: channel))
        send(.routerDemand([TreeDemand(tree: resource.renditions[rendition].tree, outputPorts: ports)]))
    }

    mutating func clear() { actions = [] }

    private mutating func perform(_ performed: [LiveProxyAction]) {
        actions += performed
        for action in performed {
            switch action {
            case .persist(let state): disk = state
            case .stopIngest(let channel, _): #expect(ingests.remove(channel) != nil)
            case .startIngest(let order): #expect(ingests.insert(order.channel).inserted)
            case .router(let message): #expect(throws: Never.self) { try router.apply(message) }
            case .publish(let point, let message):
                #expect(throws: Never.self) { try points[point]?.apply(message) }
            case .fetchDescription, .reportDue, .resynchronize, .refuse, .event: break
            }
        }
    }

    // MARK: - What is seen

    func resource(of channel: ChannelKey, at server: String = server) -> MulticastResource? {
        guard case .allocated(let resource) = outcome(of: channel, at: server) else { return nil }
        return resource
    }

    func outcome(of channel: ChannelKey, at server: String = server) -> AllocationOutcome? {
        core.report(to: server)?.allocations.first { $0.channel == channel }?.outcome
    }

    func serial(of channel: ChannelKey, at server: String = server) -> UInt64? {
        core.report(to: server)?.allocations.first { $0.channel == channel }?.serial
    }

    func applied(at point: String, of server: String = server) -> UInt64? {
        core.report(to: server)?.replicationPoints.first { $0.name == point }?.applied
    }

    func revision(of server: String = server) -> UInt64? { servers[server]?.position.revision }

    /// Subscribers the point knows, by channel.
    func authorized(at point: String) -> [String] {
        (points[point]?.current ?? []).compactMap { item in
            guard case .authorized(let entry) = item else { return nil }
            return "\(entry.channel) \(entry.subscriber) \(entry.generation)"
        }
    }

    func mapped(at point: String) -> [ChannelKey] {
        (points[point]?.current ?? []).compactMap { item in
            guard case .channelMap(let entry) = item else { return nil }
            return entry.resource.channel
        }
    }

    var localTrees: Int { router.count }

    var events: [LiveProxyEvent] {
        actions.compactMap { action in
            guard case .event(let event) = action else { return nil }
            return event
        }
    }
}

func key(_ text: String) throws -> ChannelKey { try #require(ChannelKey(text: text)) }

func description(_ channel: ChannelKey, _ renditions: [String] = ["720p", "360p"]) -> MediaDescription {
    MediaDescription(
        channel: channel, title: "News",
        renditions: renditions.map {
            Rendition(name: $0, width: 0, height: 0, bandwidth: 1_000_000, url: "http://origin/\($0).m3u8")
        })
}

func allocation(
    _ channel: ChannelKey, serial: UInt64 = 1, description given: MediaDescription? = nil, ahead: Preallocation? = nil
) -> ServerFeedItem {
    .allocation(
        AllocationIndication(
            channel: channel, serial: serial, description: given ?? description(channel), preallocation: ahead))
}

func bare(_ channel: ChannelKey, serial: UInt64 = 1) -> ServerFeedItem {
    .allocation(AllocationIndication(channel: channel, serial: serial, description: nil))
}

func join(_ channel: ChannelKey, _ subscriber: String, at address: String, serial: UInt64 = 1) throws -> ServerFeedItem
{
    .channelJoin(
        ChannelJoinIndication(
            subscriber: subscriber, binding: SubscriberBinding(addresses: [try #require(IPAddress(address))]),
            channel: channel, serial: serial, expires: UnixTime(milliseconds: 600_000)))
}
