import Clockwork
import ControlProtocol
import ControlSocket
import Credentials
import HTTPEdge
import JSONCoding
import LinuxIO
import LiveProxy
import Logging
import Wire

/// Runs the live proxy's core: one input at a time, its actions at once and in order.
actor LiveProxyDriver: RoleConsole {
    typealias ServerClient = FeedClient<ServerFeedItem, ProxyRegistration, ProxyReport>

    /// One OTT server: its feed, and requests beside it.
    struct Server: Sendable {
        var requests: EdgeClient
        var feed: ServerClient
    }

    nonisolated let node: String
    nonisolated let element = Element.liveProxy
    nonisolated let points = FeedHub<ProxyFeedItem>()
    private var core: LiveProxyCore
    private let servers: [String: Server]
    private let ingest: IngestManager
    private let file: StateFile
    private let signer: GrantSigner
    private let logger: Logger
    private var router: RouterLink?
    private var control: RoleControlService?
    private var timer = CoreTimer()

    init(
        node: String, core: LiveProxyCore, servers: [String: Server], ingest: IngestManager, file: StateFile,
        signer: GrantSigner, logger: Logger
    ) {
        self.node = node
        self.core = core
        self.servers = servers
        self.ingest = ingest
        self.file = file
        self.signer = signer
        self.logger = logger
    }

    /// Goes on where the last life ended.
    func start(router: RouterLink, control: RoleControlService) {
        self.router = router
        self.control = control
        finish(core.start(now: MonotonicClock.now()))
    }

    func stop() async {
        timer.cancel()
        router?.stop()
        control?.stop()
        router = nil
        control = nil
        await ingest.shutdown()
    }

    // MARK: - OTT servers

    func position(of server: String) -> FeedPosition? { core.position(of: server) }

    func hear(_ event: FeedClientEvent<ServerFeedItem>, of server: String) -> FeedReception {
        switch event {
        case .connected:
            logger.info("following an OTT server", metadata: ["server": "\(server)", "reason": "connected"])
            handle(.serverConnected(server: server))
        case .message(let message):
            let actions = handle(.serverFeed(server: server, message: message))
            return actions.contains(.resynchronize(server: server)) ? .startOver : .next
        case .disconnected(let error, let pause):
            logger.warning(
                "no feed from an OTT server",
                metadata: [
                    "server": "\(server)", "reason": "server-not-reachable", "error": "\(error)",
                    "retry-in": "\(pause)",
                ])
        }
        return .next
    }

    private func fetchDescription(of channel: ChannelKey, from server: String) {
        guard let requests = servers[server]?.requests else { return }
        Task {
            do throws(EdgeClientError) {
                let path = "/v1/channels/\(channel.provider)/\(channel.channel)"
                let description = try await requests.get(path, as: MediaDescription.self, timeout: .seconds(5))
                handle(.mediaDescription(description))
            } catch {
                logger.warning(
                    "no media description",
                    metadata: ["channel": "\(channel)", "reason": "no-media-description", "error": "\(error)"])
                handle(.mediaDescriptionFailed(channel: channel))
            }
        }
    }

    // MARK: - Replication points

    func register(_ registration: ReplicationPointRegistration) throws(Problem) {
        try refuse(handle(.replicationPointRegistered(registration)))
    }

    /// The connection begins before the core is asked, so that no message can be lost between.
    func openFeed(of point: String, from position: FeedPosition?) throws(Problem) -> FeedConnection<ProxyFeedItem> {
        let connection = points.connect(point, catchUp: [], from: position)
        do throws(Problem) {
            try refuse(handle(.feedOpened(point: point, position: position)))
        } catch {
            points.disconnect(point)
            throw error
        }
        return connection
    }

    func closeFeed(of point: String) {
        handle(.feedClosed(point: point))
    }

    func report(_ report: ReplicationPointReport, of point: String) throws(Problem) {
        try refuse(handle(.replicationPointReported(point: point, report: report)))
    }

    // MARK: - Unicast viewers

    /// How long an OTT server may take to decide and to have it applied, beyond its own deadline.
    private static let joinTimeout: Duration = .seconds(8)

    /// Sends a client whose address holds a channel-join to its replication point.
    func offer(_ channel: ChannelKey, to address: IPAddress) async throws(Problem) -> UnicastOffer {
        let basis = try core.offer(channel, to: address, at: WallClock.now())
        let grant: String
        do throws(CredentialError) {
            grant = try await signer.sign(basis.grant)
        } catch {
            throw Problem(
                code: "cannot-sign", status: 500, title: "The grant could not be signed.", detail: "\(error)")
        }
        return UnicastOffer(
            replicationPoint: basis.replicationPoint, grant: grant, expires: basis.grant.expires,
            mediaDescription: basis.description.relocated(toReplicationPoint: basis.replicationPoint, grant: grant))
    }

    /// A replication point asks for its client: the OTT servers decide, one after the other.
    func join(_ request: ClientChannelRequest, for point: String) async throws(Problem) -> UnicastOffer {
        try requireClient(request.address, of: point)
        _ = try await askServers { [node] requests, timeout throws(EdgeClientError) in
            try await requests.post(
                "/v1/proxies/\(node)/channel-joins", request, as: JoinAnswer.self, timeout: timeout)
        }
        return try await offer(request.channel, to: request.address)
    }

    /// What a replication point's client may see at the first OTT server that knows its token.
    func catalogue(_ request: ClientCatalogueRequest, for point: String) async throws(Problem) -> ChannelCatalogue {
        try requireClient(request.address, of: point)
        return try await askServers { [node] requests, timeout throws(EdgeClientError) in
            try await requests.post(
                "/v1/proxies/\(node)/channel-lists", request, as: ChannelCatalogue.self, timeout: timeout)
        }
    }

    private func requireClient(_ address: IPAddress, of point: String) throws(Problem) {
        guard core.point(for: address)?.name == point else {
            throw Problem(
                code: "wrong-replication-point", status: 403, title: "\(point) does not serve \(address).",
                detail: "The operator compares the prefixes in mrpctl show sessions.")
        }
    }

    /// The first good answer within the deadline, or the refusal that says most: of the server that knows the client.
    private func askServers<Answer: Sendable>(
        _ ask: @Sendable (EdgeClient, Duration) async throws(EdgeClientError) -> Answer
    ) async throws(Problem) -> Answer {
        let end = MonotonicClock.now() + Self.joinTimeout
        var refusal: Problem?
        for name in servers.keys.sorted() {
            let left = end - MonotonicClock.now()
            guard left > .zero, let requests = servers[name]?.requests else { break }
            do throws(EdgeClientError) {
                return try await ask(requests, left)
            } catch {
                let problem = Problem(error, server: name)
                if refusal == nil || refusal?.status == 401 || refusal?.status == 404 { refusal = problem }
            }
        }
        throw refusal ?? Problem(.timedOut, server: "any OTT server")
    }

    private func refuse(_ actions: [LiveProxyAction]) throws(Problem) {
        for action in actions { if case .refuse(let problem) = action { throw problem } }
    }

    // MARK: - The router

    func hear(_ event: RouterLinkEvent) {
        switch event {
        case .wantsSnapshot:
            logger.info("the router listens", metadata: ["reason": "router-connected"])
            handle(.routerWantsSnapshot)
        case .applied, .delivery, .deliveryRefused: break
        case .demand(let trees): handle(.routerDemand(trees))
        case .refused(let problem):
            logger.error("the router refused", metadata: ["reason": "\(problem.code)", "detail": "\(problem.title)"])
        case .disconnected(let reason):
            logger.warning("no router", metadata: ["reason": "router-not-reachable", "error": "\(reason)"])
            handle(.routerDisconnected)
        }
    }

    // MARK: - The core

    @discardableResult
    private func handle(_ input: LiveProxyInput) -> [LiveProxyAction] {
        finish(core.handle(input, now: MonotonicClock.now()))
    }

    @discardableResult
    private func finish(_ actions: [LiveProxyAction]) -> [LiveProxyAction] {
        for action in actions { perform(action) }
        timer.set(core.deadline) { [weak self] in await self?.tick() }
        return actions
    }

    private func tick() {
        timer.fired()
        handle(.tick)
    }

    private func perform(_ action: LiveProxyAction) {
        switch action {
        case .persist(let state): persist(state)
        case .stopIngest(let channel, let generation): ingest.stop(channel, generation: generation)
        case .router(let message): router?.send(message)
        case .startIngest(let order): ingest.start(order)
        case .fetchDescription(let server, let channel): fetchDescription(of: channel, from: server)
        case .publish(let point, let message): points.publish(message, to: point)
        case .reportDue(let server):
            if let report = core.report(to: server) { servers[server]?.feed.report(report) }
        case .resynchronize(let server):
            logger.warning(
                "lost the place in a feed, starting over", metadata: ["server": "\(server)", "reason": "feed-lost"])
        case .refuse(let problem):
            logger.notice("refused", metadata: ["reason": "\(problem.code)", "detail": "\(problem.detail)"])
        case .event(let event): tell(event)
        }
    }

    private func tell(_ event: LiveProxyEvent) {
        logger.info("\(event)")
        if let json = try? JSONText.encode(event) { control?.publish(topic: "events", json: json) }
    }

    /// Without the disk the proxy goes on: it is then the next restart that may have to begin anew, and the log says so.
    private func persist(_ state: LiveProxyState) {
        do throws(StateFile.Failure) {
            try file.write(state)
        } catch {
            logger.critical(
                "the state could not be written", metadata: ["reason": "state-not-written", "error": "\(error)"])
        }
    }

    // MARK: - Console

    func document(_ topic: RoleTopic) async throws -> String {
        switch topic {
        case .channels: return try JSONText.encode(core.channelsDocument)
        case .subscribers: return try JSONText.encode(core.subscribersDocument)
        case .sessions:
            var document = core.sessionsDocument
            document.sessions = await ingest.sessions + document.sessions.filter { $0.kind != "ingest" }
            return try JSONText.encode(document)
        case .feeds: return try JSONText.encode(core.feedsDocument)
        case .counters:
            var document = core.countersDocument
            let media = await ingest.counters
            document.counters = (document.counters + media).sorted { $0.name < $1.name }
            return try JSONText.encode(document)
        }
    }

    func explanation(subscriber: String, channel: ChannelKey) -> RoleExplanation {
        core.explain(subscriber: subscriber, channel: channel)
    }
}

extension Problem {
    /// What to tell a replication point whose request could not be passed on; a server's own refusal goes on as it is.
    init(_ error: EdgeClientError, server: String) {
        switch error {
        case .refused(let problem): self = problem
        case .timedOut:
            self.init(
                code: "server-timeout", status: 504, title: "\(server) did not decide in time.", detail: "Try again.")
        case .unreachable, .notTrusted, .badAnswer, .badURL:
            self.init(
                code: "server-unavailable", status: 503, title: "\(server) could not be asked: \(error)",
                detail: "Try again; the operator checks that it runs and is reached from here.")
        }
    }
}
