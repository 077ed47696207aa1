import Clockwork
import ControlProtocol
import ReplicationPoint
import Testing
import Wire

/// A replication point whose proxy and router the test plays.
struct PointStage {
    var core: ReplicationPointCore
    var now = Instant.zero
    var wall = UnixTime(milliseconds: 1_000_000)
    var proxy = FeedPublisher<ProxyFeedItem>(epoch: "proxy1")
    var router = FeedFollower<RouterFeedItem>()
    var actions: [ReplicationPointAction] = []
    var reported: FeedPosition?

    init(life: String = "life1", _ adjust: (inout ReplicationPointSettings) -> Void = { _ in }) throws {
        let prefix = try #require(IPPrefix("10.3.1.0/24"))
        var settings = ReplicationPointSettings(
            registration: ReplicationPointRegistration(name: "rp1", prefixes: [prefix]))
        adjust(&settings)
        core = ReplicationPointCore(settings: settings, life: life, now: now, wallNow: wall)
    }

    mutating func send(_ input: ReplicationPointInput) {
        let performed = core.handle(input, now: now, wallNow: wall)
        actions += performed
        for action in performed {
            switch action {
            case .router(let message): #expect(throws: Never.self) { try router.apply(message) }
            case .report(let report): reported = report.position
            case .resynchronize, .grantKeys, .admitted, .refused, .closeSession, .event: break
            }
        }
    }

    mutating func connect() {
        send(.routerWantsSnapshot)
        send(.proxyConnected)
        send(.proxyFeed(proxy.snapshot))
    }

    mutating func publish(_ upserts: [ProxyFeedItem], removals: [String] = []) {
        if let message = proxy.update(upserts: upserts, removals: removals) { send(.proxyFeed(message)) }
    }

    /// The router's kernel table reflects what it was told.
    mutating func apply() throws {
        send(.routerApplied(try #require(router.position)))
    }

    mutating func wait(_ duration: Duration) {
        let end = now + duration
        while let deadline = core.deadline, deadline <= end {
            wall = wall + (deadline - now)
            now = deadline
            send(.tick)
        }
        wall = wall + (end - now)
        now = end
    }

    /// What the router was told, a line an item.
    var told: [String] { router.current.map(\.key) }

    var routerMessages: [FeedMessage<RouterFeedItem>] {
        actions.compactMap { if case .router(let message) = $0 { message } else { nil } }
    }
}

private let source = IPAddress.v4(IPv4Address(10, 255, 0, 1))

func resource(_ channel: ChannelKey, generation: UInt64, groups: [UInt8]) -> MulticastResource {
    MulticastResource(
        channel: channel, generation: generation, layout: .groupPerRendition, addressing: .sourceSpecific,
        renditions: groups.map {
            RenditionResource(
                rendition: "r\($0)", source: source, group: .v4(IPv4Address(232, 1, 0, $0)), port: 5_000)
        })
}

func entry(_ channel: ChannelKey, generation: UInt64, groups: [UInt8]) -> ChannelMapEntry {
    ChannelMapEntry(
        resource: resource(channel, generation: generation, groups: groups),
        description: MediaDescription(
            channel: channel, title: "News",
            renditions: groups.map {
                Rendition(name: "r\($0)", width: 640, height: 360, bandwidth: 1_000_000, url: "http://origin/\($0)")
            }))
}

func subscriber(
    _ name: String, _ channel: ChannelKey, generation: UInt64, expires: Int64 = 1_600_000,
    address: IPAddress = .v4(IPv4Address(10, 3, 1, 7))
) -> ProxyFeedItem {
    .authorized(
        AuthorizedSubscriber(
            subscriber: name, binding: SubscriberBinding(addresses: [address]),
            channel: channel, generation: generation, expires: UnixTime(milliseconds: expires)))
}
