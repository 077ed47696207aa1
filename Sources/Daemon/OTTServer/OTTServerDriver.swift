import Authorization
import CatalogueStore
import Clockwork
import ControlProtocol
import ControlSocket
import Credentials
import HTTPEdge
import JSONCoding
import LinuxIO
import Logging
import OTTServer
import Wire

/// Runs the OTT server's core: one input at a time, what is to be stored first, then the other actions in order.
actor OTTServerDriver: RoleConsole {
    nonisolated let node: String
    nonisolated let element = Element.ottServer
    nonisolated let feeds = FeedHub<ServerFeedItem>()
    private var core: OTTServerCore
    private let store: CatalogueStore
    private let verifier: TokenVerifier
    private let boot: String
    private let logger: Logger
    private var control: RoleControlService?
    private var timer = CoreTimer()
    private var waiting: [UInt64: CheckedContinuation<Result<JoinAnswer, Problem>, Never>] = [:]
    private var nextJoin: UInt64 = 0
    private var isStopping = false
    /// Proxies of which the database does not hold everything.
    private var unstored: Set<String> = []

    /// - Parameter boot: names the time since this host started.
    init(
        node: String, core: OTTServerCore, store: CatalogueStore, verifier: TokenVerifier, boot: String, logger: Logger
    ) {
        self.node = node
        self.core = core
        self.store = store
        self.verifier = verifier
        self.boot = boot
        self.logger = logger
    }

    func start(control: RoleControlService) {
        self.control = control
        handle(.tick)
    }

    /// Answers whoever waits, so that no client hangs on a server that ends.
    func refuseWaitingJoins() {
        isStopping = true
        for id in waiting.keys.sorted() { answer(id, .failure(.stopping)) }
    }

    func stop() {
        refuseWaitingJoins()
        timer.cancel()
        control?.stop()
        control = nil
        store.close()
    }

    /// Whether everything can be remembered.
    var isHealthy: Bool { unstored.isEmpty }

    // MARK: - Clients

    private func verify(_ authorization: String?) async throws(Problem) -> TokenGrant {
        do throws(TokenRefusal) {
            return try await verifier.verify(authorizationHeader: authorization, now: WallClock.now())
        } catch {
            throw .badToken(error)
        }
    }

    /// Joins a channel, and returns when the authorization is applied or something keeps it from being.
    /// - Parameter proxy: who asks on the client's behalf; nil for the client itself.
    func join(
        _ channel: ChannelKey, authorization: String?, address: IPAddress, proxy: String? = nil
    ) async throws(Problem) -> JoinAnswer {
        let token = try await verify(authorization)
        let record = try reading { () throws(StoreError) in try store.record(of: token.subscriber) }
        guard !isStopping else { throw .stopping }
        nextJoin += 1
        let request = JoinRequest(
            id: nextJoin, token: token, record: record, channel: channel, address: address, proxy: proxy)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting[request.id] = continuation
                handle(.clientJoin(request))
            }
        } onCancel: {
            Task { await self.giveUp(request.id) }
        }
        return try result.get()
    }

    /// Where a stock player gets a channel: at its proxy, with its authorization sent ahead, or outside of every proxy's
    /// prefixes at the origin.
    func watch(
        _ channel: ChannelKey, authorization: String?, address: IPAddress
    ) async throws(Problem) -> UnicastAnswer {
        do throws(Problem) {
            let answer = try await join(channel, authorization: authorization, address: address)
            guard let unicast = answer.unicast else { throw .noUnicastAtProxy(channel) }
            return .redirect(unicast.playlist)
        } catch {
            // The entitlement was decided before a proxy was looked for.
            guard error.code == Problem.noProxyCode else { throw error }
            return .origin(try mediaDescription(of: channel))
        }
    }

    /// What the bearer of the token may see.
    func channelList(authorization: String?, address: IPAddress) async throws(Problem) -> ChannelList {
        let token = try await verify(authorization)
        let record = try reading { () throws(StoreError) in try store.record(of: token.subscriber) }
        return core.channelList(token: token, record: record, address: address, wallNow: WallClock.now())
    }

    private func giveUp(_ id: UInt64) {
        handle(.clientGone(id: id))
        answer(id, .failure(.stopping))
    }

    private func answer(_ id: UInt64, _ result: Result<JoinAnswer, Problem>) {
        waiting.removeValue(forKey: id)?.resume(returning: result)
    }

    /// The catalogue, by channel.
    var channels: [MediaDescription] { core.catalogue.keys.sorted().compactMap { core.catalogue[$0] } }

    func mediaDescription(of channel: ChannelKey) throws(Problem) -> MediaDescription {
        guard let description = core.catalogue[channel] else { throw .unknownChannel(channel) }
        return description
    }

    func replaceCatalogue(_ descriptions: [MediaDescription]) {
        handle(.catalogueChanged(descriptions))
    }

    // MARK: - Proxies

    func register(_ registration: ProxyRegistration) throws(Problem) {
        try refuse(handle(.proxyRegistered(registration)))
    }

    func openFeed(of proxy: String, from position: FeedPosition?) throws(Problem) -> FeedConnection<ServerFeedItem> {
        guard let messages = core.catchUp(proxy: proxy, from: position) else { throw .unknownProxy(proxy) }
        let connection = feeds.connect(proxy, catchUp: messages, from: position)
        handle(.feedOpened(proxy: proxy))
        return connection
    }

    func closeFeed(of proxy: String) {
        handle(.feedClosed(proxy: proxy))
    }

    func report(_ report: ProxyReport, of proxy: String) throws(Problem) {
        try refuse(handle(.proxyReported(name: proxy, report: report)))
    }

    private func refuse(_ actions: [OTTServerAction]) throws(Problem) {
        for action in actions { if case .refuse(let problem) = action { throw problem } }
    }

    // MARK: - The core

    @discardableResult
    private func handle(_ input: OTTServerInput) -> [OTTServerAction] {
        let actions = core.handle(input, now: MonotonicClock.now(), wallNow: WallClock.now())
        let failed = remember(actions)
        for action in actions { perform(action) }
        // A new epoch's snapshot tells followers what could not be written down.
        for proxy in failed { handle(.storeFailed(proxy: proxy)) }
        timer.set(core.deadline) { [weak self] in await self?.tick() }
        return actions
    }

    private func tick() {
        timer.fired()
        handle(.tick)
    }

    private func perform(_ action: OTTServerAction) {
        switch action {
        case .store: break
        case .publish(let proxy, let message): feeds.publish(message, to: proxy)
        case .answerJoin(let id, let result): answer(id, result)
        case .refuse(let problem):
            logger.notice("refused", metadata: ["reason": "\(problem.code)", "detail": "\(problem.title)"])
        case .event(let event): tell(event)
        }
    }

    private func tell(_ event: OTTServerEvent) {
        let document = event.document(at: WallClock.now())
        guard let json = try? JSONText.encode(document) else { return }
        logger.info("\(document.event)", metadata: ["event": "\(json)"])
        control?.publish(topic: document.topic, json: json)
    }

    // MARK: - Memory

    /// Writes down what the actions say, all or nothing.
    /// - Returns: proxies whose changes are lost to the database as of now.
    private func remember(_ actions: [OTTServerAction]) -> [String] {
        let changes = actions.compactMap { if case .store(let change) = $0 { change } else { nil } }
        guard !changes.isEmpty else { return [] }
        do throws(StoreError) {
            try store.apply(changes.filter { !unstored.contains($0.proxy) }, boot: boot)
            for proxy in Set(changes.map(\.proxy)).intersection(unstored).sorted() { try rememberWhole(proxy) }
            return []
        } catch {
            logger.critical(
                "what proxies are to do could not be stored: a restart now would forget some of it",
                metadata: ["reason": "store-failed", "error": "\(error)"])
            let failed = Set(changes.map(\.proxy)).subtracting(unstored)
            unstored.formUnion(failed)
            return failed.sorted()
        }
    }

    private func rememberWhole(_ proxy: String) throws(StoreError) {
        guard let whole = core.stored(proxy: proxy) else {
            try store.apply([.forget(proxy: proxy)], boot: boot)
            unstored.remove(proxy)
            return
        }
        try store.replace(whole, boot: boot)
        unstored.remove(proxy)
        logger.notice("stored again", metadata: ["proxy": "\(proxy)"])
    }

    private func reading<Value>(_ work: () throws(StoreError) -> Value) throws(Problem) -> Value {
        do throws(StoreError) {
            return try work()
        } catch {
            logger.error("the database failed", metadata: ["reason": "store-failed", "error": "\(error)"])
            throw Problem(error)
        }
    }

    // MARK: - Console

    nonisolated var commands: [String] { RoleCommand.allCases.map(\.rawValue) }

    func document(_ topic: RoleTopic) throws -> String {
        switch topic {
        case .channels: return try JSONText.encode(core.channelsDocument)
        case .subscribers:
            let records = try reading { () throws(StoreError) in try store.records() }
            return try JSONText.encode(core.subscribersDocument(records))
        case .sessions: return try JSONText.encode(core.sessionsDocument)
        case .feeds: return try JSONText.encode(core.feedsDocument)
        case .counters:
            var document = core.countersDocument
            document.counters += verifier.refusalCounts.map {
                NamedCount(name: "token-refused-\($0.key.rawValue)", count: $0.value)
            }
            document.counters.sort { $0.name < $1.name }
            return try JSONText.encode(document)
        }
    }

    func explanation(subscriber: String, channel: ChannelKey) -> RoleExplanation {
        let record = try? store.record(of: subscriber)
        return core.explain(subscriber: subscriber, record: record, channel: channel)
    }

    func perform(_ command: RoleCommand, arguments: String) throws -> String {
        switch command {
        case .channelAllocate:
            let asked = try JSONText.decode(ChannelArguments.self, from: arguments)
            return try preallocate(asked, asked.preallocation ?? .cold)
        case .channelRelease:
            return try preallocate(try JSONText.decode(ChannelArguments.self, from: arguments), nil)
        case .subscriberAdd:
            let asked = try JSONText.decode(SubscriberArguments.self, from: arguments)
            guard ChannelKey.isName(asked.subscriber) else { throw Problem.badName(asked.subscriber) }
            return try change(asked.subscriber) { () throws(StoreError) in
                try store.setSubscriber(asked.subscriber, binding: asked.binding)
            }
        case .subscriberRemove:
            let asked = try JSONText.decode(SubscriberArguments.self, from: arguments)
            return try change(asked.subscriber) { () throws(StoreError) in
                try store.removeSubscriber(asked.subscriber)
            }
        case .entitle:
            let asked = try JSONText.decode(EntitlementArguments.self, from: arguments)
            // A misspelt channel would be an entitlement to nothing that nobody notices.
            if case .channel(let channel) = asked.scope { _ = try mediaDescription(of: channel) }
            return try change(asked.subscriber) { () throws(StoreError) in
                try store.entitle(asked.subscriber, Entitlement(scope: asked.scope, until: asked.until))
            }
        case .revoke:
            let asked = try JSONText.decode(EntitlementArguments.self, from: arguments)
            return try change(asked.subscriber) { () throws(StoreError) in
                guard try store.revoke(asked.subscriber, asked.scope) else {
                    throw .unknownEntitlement(asked.subscriber, asked.scope.description)
                }
            }
        }
    }

    /// All or none of the channels.
    private func preallocate(_ asked: ChannelArguments, _ preallocation: Preallocation?) throws -> String {
        guard asked.channels.count <= ChannelArguments.maximumChannels else {
            throw Problem.tooManyChannels(limit: ChannelArguments.maximumChannels)
        }
        for channel in asked.channels { _ = try mediaDescription(of: channel) }
        for channel in asked.channels {
            try refuse(handle(.preallocate(channel: channel, proxy: asked.proxy, preallocation)))
        }
        return try JSONText.encode(core.channelsDocument)
    }

    /// Changes a subscriber in the database, then what it holds.
    private func change(_ subscriber: String, _ work: () throws(StoreError) -> Void) throws -> String {
        let record = try reading { () throws(StoreError) -> SubscriberRecord? in
            try work()
            return try store.record(of: subscriber)
        }
        handle(.subscriberChanged(id: subscriber, record: record))
        return try JSONText.encode(core.subscribersDocument(record.map { [$0] } ?? []))
    }
}

/// How a request for a master playlist is answered.
enum UnicastAnswer: Hashable, Sendable {
    case redirect(String)
    case origin(MediaDescription)
}

extension StoreChange {
    var proxy: String {
        switch self {
        case .registration(let registration, _, _): registration.name
        case .items(let proxy, _, _, _, _): proxy
        case .forget(let proxy): proxy
        }
    }
}
