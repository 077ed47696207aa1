import Clockwork
import ControlProtocol
import ControlSocket
import Credentials
import HTTPEdge
import JSONCoding
import LinuxIO
import Logging
import ReplicationPoint
import Wire

/// Runs the replication point's core: one input at a time, its actions at once and in order.
actor ReplicationPointDriver: RoleConsole {
    typealias ProxyClient = FeedClient<ProxyFeedItem, ReplicationPointRegistration, ReplicationPointReport>

    nonisolated let node: String
    nonisolated let element = Element.replicationPoint
    private var core: ReplicationPointCore
    private let proxy: ProxyClient
    private let requests: EdgeClient
    private let grants = GrantVerifier()
    private let logger: Logger
    private var router: RouterLink?
    private var control: RoleControlService?
    private var timer = CoreTimer()
    /// Moves media; nil where this point serves no unicast.
    private var delivery: (any ViewerDelivery)?
    private var tokens = TokenGrants()

    /// - Parameter requests: to the live proxy, beside the feed.
    init(core: ReplicationPointCore, proxy: ProxyClient, requests: EdgeClient, logger: Logger) {
        node = core.settings.registration.name
        self.core = core
        self.proxy = proxy
        self.requests = requests
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

    // MARK: - Unicast viewers

    /// How long the proxy and its OTT servers may take to decide.
    private static let joinTimeout: Duration = .seconds(10)

    func decide(_ request: ViewerRequest, _ proof: ViewerAsk.Proof) throws(Problem) -> ViewerSession {
        let ask = ViewerAsk(
            channel: request.channel, purpose: request.purpose, address: request.address, proof: proof)
        for action in handle(.viewerAsks(ask)) {
            switch action {
            case .admitted(let session): return session
            case .refused(let refusal): throw refusal.problem(request.channel)
            default: continue
            }
        }
        throw ViewerRefusal.unknownChannel.problem(request.channel)
    }

    /// Takes a client's token to the OTT server, by way of the proxy (DESIGN flow 5).
    private func join(_ request: ViewerRequest, token: String) async throws(Problem) -> String {
        guard tokens.begin() else { throw .tooManyWaitingJoins(limit: TokenGrants.maximumWaiting) }
        defer { tokens.end() }
        let asked = ClientChannelRequest(channel: request.channel, token: token, address: request.address)
        do throws(EdgeClientError) {
            let offer = try await requests.post(
                "/v1/replication-points/\(node)/channel-joins", asked, as: UnicastOffer.self,
                timeout: Self.joinTimeout)
            return offer.grant
        } catch {
            throw Problem(error, server: "The live proxy")
        }
    }

    private func proof(_ grant: String) async -> ViewerAsk.Proof {
        do throws(GrantRefusal) {
            return .grant(try await grants.verify(grant), text: grant)
        } catch {
            return .refused(error)
        }
    }

    private func admit(_ request: ViewerRequest, token: String) async throws(Problem) -> ViewerSession {
        let key = TokenGrants.Key(token: token, channel: request.channel, address: request.address)
        if let known = tokens[key] {
            // What was granted before may have run out: then the server is asked again.
            let proof = await proof(known)
            if let session = try? decide(request, proof) { return session }
        }
        let grant = try await join(request, token: token)
        tokens[key] = grant
        return try decide(request, await proof(grant))
    }

    /// The channels of the map that the bearer of `token` may see.
    func channelList(token: String, address: IPAddress) async throws(Problem) -> ChannelList {
        guard tokens.begin() else { throw .tooManyWaitingJoins(limit: TokenGrants.maximumWaiting) }
        defer { tokens.end() }
        let asked = ClientCatalogueRequest(token: token, address: address)
        do throws(EdgeClientError) {
            let catalogue = try await requests.post(
                "/v1/replication-points/\(node)/channel-lists", asked, as: ChannelCatalogue.self,
                timeout: Self.joinTimeout)
            return ChannelList(
                catalogue.channels.map {
                    ChannelList.Entry(description: $0, resource: core.resource(of: $0.channel))
                })
        } catch {
            throw Problem(error, server: "The live proxy")
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
        case .counters: return try JSONText.encode(await countersDocument)
        }
    }

    private var countersDocument: RoleCountersDocument {
        get async { countersDocument(adding: await delivery?.counters() ?? []) }
    }

    private func countersDocument(adding media: [NamedCount]) -> RoleCountersDocument {
        var document = core.countersDocument
        document.counters += media
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

extension ReplicationPointDriver: ViewerAdmission {
    func admit(_ request: ViewerRequest) async throws(Problem) -> ViewerSession {
        switch request.credentials {
        case .none: try decide(request, .none)
        case .grant(let text): try decide(request, await proof(text))
        case .token(let token): try await admit(request, token: token)
        }
    }

    func began(_ session: UInt64, rendition: String) -> Bool {
        !handle(.streamBegan(session: session, rendition: rendition)).contains { action in
            if case .refused = action { true } else { false }
        }
    }

    func ended(_ session: UInt64, rendition: String, bytes: UInt64) {
        handle(.streamEnded(session: session, rendition: rendition, bytes: bytes))
    }

    func sent(_ session: UInt64, bytes: UInt64) {
        handle(.sent(session: session, bytes: bytes))
    }

    func rendition(group: IPAddress, port: UInt16) -> (channel: ChannelKey, rendition: String)? {
        core.rendition(group: group, port: port)
    }
}

extension Problem {
    fileprivate static func tooManyWaitingJoins(limit: Int) -> Problem {
        Problem(
            code: "too-many-waiting", status: 503, title: "\(limit) clients wait for the OTT server already.",
            detail: "Try again in some seconds.")
    }
}
