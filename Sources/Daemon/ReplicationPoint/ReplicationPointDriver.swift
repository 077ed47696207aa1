import Clockwork
import ControlProtocol
import ControlSocket
import Credentials
import HTTPEdge
import JSONCoding
import LinuxIO
import Logging
import ReplicationPoint

/// Runs the replication point's core: one input at a time, its actions at once and in order.
actor ReplicationPointDriver: RoleConsole {
    typealias ProxyClient = FeedClient<ProxyFeedItem, ReplicationPointRegistration, ReplicationPointReport>

    nonisolated let node: String
    nonisolated let element = Element.replicationPoint
    private var core: ReplicationPointCore
    private let proxy: ProxyClient
    private let grants = GrantVerifier()
    private let logger: Logger
    private var router: RouterLink?
    private var control: RoleControlService?
    private var timer = CoreTimer()
    /// Moves media; nil where this point serves no unicast.
    private var delivery: (any ViewerDelivery)?

    init(core: ReplicationPointCore, proxy: ProxyClient, logger: Logger) {
        node = core.settings.registration.name
        self.core = core
        self.proxy = proxy
        self.logger = logger
    }

    func attach(router: RouterLink, control: RoleControlService) {
        self.router = router
        self.control = control
    }

    /// Whoever moves the media is told which sessions end.
    func attach(delivery: any ViewerDelivery) {
        self.delivery = delivery
    }

    func detach() {
        timer.cancel()
        router?.stop()
        control?.stop()
        router = nil
        control = nil
    }

    var position: FeedPosition? { core.position }

    func hear(_ event: FeedClientEvent<ProxyFeedItem>) -> FeedReception {
        switch event {
        case .connected:
            logger.info("following the live proxy", metadata: ["reason": "connected"])
            handle(.proxyConnected)
        case .message(let message):
            return handle(.proxyFeed(message)).contains(.resynchronize) ? .startOver : .next
        case .disconnected(let error, let pause):
            logger.warning(
                "no feed from the live proxy",
                metadata: ["reason": "proxy-not-reachable", "error": "\(error)", "retry-in": "\(pause)"])
            handle(.proxyDisconnected)
        }
        return .next
    }

    func hear(_ event: RouterLinkEvent) {
        switch event {
        case .wantsSnapshot:
            logger.info("the router listens", metadata: ["reason": "router-connected"])
            handle(.routerWantsSnapshot)
        case .applied(let position): handle(.routerApplied(position))
        case .demand, .delivery, .deliveryRefused: break
        case .refused(let problem):
            logger.error("the router refused", metadata: ["reason": "\(problem.code)", "detail": "\(problem.title)"])
        case .disconnected(let reason):
            logger.warning("no router", metadata: ["reason": "router-not-reachable", "error": "\(reason)"])
            handle(.routerDisconnected)
        }
    }

    @discardableResult
    private func handle(_ input: ReplicationPointInput) -> [ReplicationPointAction] {
        let actions = core.handle(input, now: MonotonicClock.now(), wallNow: WallClock.now())
        for action in actions { perform(action) }
        timer.set(core.deadline) { [weak self] in await self?.tick() }
        return actions
    }

    private func tick() {
        timer.fired()
        handle(.tick)
    }

    private func perform(_ action: ReplicationPointAction) {
        switch action {
        case .router(let message): router?.send(message)
        case .report(let report): proxy.report(report)
        case .resynchronize:
            logger.warning("lost the place in the feed, starting over", metadata: ["reason": "feed-lost"])
        case .grantKeys(let keys):
            grants.replaceKeys(keys)
            logger.info(
                "the proxy's grant keys", metadata: ["keys": "\(keys.map(\.keyIdentifier).joined(separator: " "))"])
        // Answers to whoever asked, which is who reads the actions.
        case .admitted, .refused: break
        case .closeSession(let id, let reason): delivery?.close(session: id, reason: reason)
        case .event(let event):
            logger.debug("\(event)")
            let document = event.document(at: WallClock.now())
            if let json = try? JSONText.encode(document) { control?.publish(topic: document.topic, json: json) }
        }
    }

    // MARK: - Console

    func document(_ topic: RoleTopic) async throws -> String {
        switch topic {
        case .channels: return try JSONText.encode(core.channelsDocument)
        case .subscribers: return try JSONText.encode(core.subscribersDocument)
        case .sessions:
            let progress = await delivery?.progress() ?? []
            return try JSONText.encode(core.sessionsDocument(progress))
        case .feeds: return try JSONText.encode(core.feedsDocument)
        case .counters: return try JSONText.encode(countersDocument)
        }
    }

    private var countersDocument: RoleCountersDocument {
        var document = core.countersDocument
        let refusals = grants.refusalCounts
        document.counters += GrantRefusal.allCases.map {
            NamedCount(name: "\($0.rawValue)-refused", count: refusals[$0] ?? 0)
        }
        document.counters.append(NamedCount(name: "grant-keys-unusable", count: grants.unusableKeys))
        document.counters.sort { $0.name < $1.name }
        return document
    }

    func explanation(subscriber: String, channel: ChannelKey) -> RoleExplanation {
        core.explain(subscriber: subscriber, channel: channel)
    }
}
