import Clockwork
import ControlProtocol
import ControlSocket
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
    private let logger: Logger
    private var router: RouterLink?
    private var control: RoleControlService?
    private var timer = CoreTimer()

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
        case .event(let event):
            logger.debug("\(event)")
            if let json = try? JSONText.encode(event) { control?.publish(topic: "events", json: json) }
        }
    }

    // MARK: - Console

    func document(_ topic: RoleTopic) throws -> String {
        switch topic {
        case .channels: try JSONText.encode(core.channelsDocument)
        case .subscribers: try JSONText.encode(core.subscribersDocument)
        case .sessions: try JSONText.encode(core.sessionsDocument)
        case .feeds: try JSONText.encode(core.feedsDocument)
        case .counters: try JSONText.encode(core.countersDocument)
        }
    }

    func explanation(subscriber: String, channel: ChannelKey) -> RoleExplanation {
        core.explain(subscriber: subscriber, channel: channel)
    }
}
