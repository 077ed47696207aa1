import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Testing
import Wire

func channel(_ text: String) -> ChannelKey {
    guard let key = ChannelKey(text: text) else { preconditionFailure("\(text) is no channel") }
    return key
}

func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}

func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}

func description(_ key: String) -> MediaDescription {
    MediaDescription(
        channel: channel(key), title: key,
        renditions: [Rendition(name: "high", width: 1_920, height: 1_080, bandwidth: 5_000_000, url: "http://o/h.m3u8")]
    )
}

func resource(_ key: String, generation: UInt64 = 1) -> MulticastResource {
    MulticastResource(
        channel: channel(key), generation: generation, layout: .groupPerRendition, addressing: .sourceSpecific,
        renditions: [
            RenditionResource(
                rendition: "high", source: address("10.255.0.1"), group: address("232.1.0.1"), port: 5_000)
        ])
}

func record(_ id: String, entitlements: [Entitlement] = [Entitlement(scope: .provider("acme"))]) -> SubscriberRecord {
    SubscriberRecord(id: id, binding: SubscriberBinding(addresses: []), entitlements: entitlements)
}

/// An OTT server in virtual time, with what it did last at hand.
struct ServerBench {
    var core: OTTServerCore
    var now = Instant.zero
    let start = UnixTime(milliseconds: 1_700_000_000_000)
    /// Actions since they were last taken.
    private(set) var actions: [OTTServerAction] = []
    private var nextID: UInt64 = 0

    init(settings: OTTServerSettings = OTTServerSettings(), stored: [StoredProxy] = [], seed: UInt64 = 1) {
        core = OTTServerCore(
            settings: settings, catalogue: [description("acme/one"), description("acme/two")], stored: stored,
            seed: seed, now: .zero, wallNow: UnixTime(milliseconds: 1_700_000_000_000))
    }

    var wallNow: UnixTime { start + (now - .zero) }

    mutating func handle(_ input: OTTServerInput) {
        actions += core.handle(input, now: now, wallNow: wallNow)
    }

    /// Lets time pass, ticking at each deadline on the way.
    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while let deadline = core.deadline, deadline <= end {
            now = max(now, deadline)
            handle(.tick)
        }
        now = end
        handle(.tick)
    }

    mutating func take() -> [OTTServerAction] {
        defer { actions = [] }
        return actions
    }

    /// A proxy for 10.3/16 with one replication point that serves all of it.
    mutating func register(_ name: String = "north", prefixes: [IPPrefix] = [prefix("10.3.0.0/16")]) {
        handle(
            .proxyRegistered(ProxyRegistration(name: name, prefixes: prefixes, address: address("10.255.0.1"))))
    }

    @discardableResult
    mutating func join(
        _ key: String = "acme/one", as subscriber: String = "alice", from client: String = "10.3.0.5",
        record: SubscriberRecord? = nil, isKnown: Bool = true, tokenLifetime: Duration = .seconds(36_000)
    ) -> UInt64 {
        nextID += 1
        let known = record ?? OTTServerTests.record(subscriber)
        handle(
            .clientJoin(
                JoinRequest(
                    id: nextID, token: TokenGrant(subscriber: subscriber, expires: wallNow + tokenLifetime),
                    record: isKnown ? known : nil, channel: channel(key), address: address(client))))
        return nextID
    }

    /// A proxy's report: its allocations, and how far its replication point has applied the feed.
    mutating func report(
        _ name: String = "north", _ outcomes: [(String, UInt64, AllocationOutcome)] = [], applied: UInt64? = nil,
        points: [IPPrefix] = [prefix("10.3.0.0/16")], epoch: String? = nil
    ) {
        guard let position = core.proxies[name]?.feed.position else { return }
        let status = points.enumerated().map {
            ReplicationPointStatus(
                name: "point\($0.offset)", prefixes: [$0.element], httpBase: nil, applied: applied ?? position.revision)
        }
        handle(
            .proxyReported(
                name: name,
                report: ProxyReport(
                    position: FeedPosition(epoch: epoch ?? position.epoch, revision: position.revision),
                    allocations: outcomes.map {
                        ProxyReport.Allocation(channel: channel($0.0), serial: $0.1, outcome: $0.2)
                    }, replicationPoints: status)))
    }

    /// Registers the proxy, and has alice watch acme/one.
    mutating func serveFirstViewer() {
        register()
        join()
        report(outcomes("acme/one"))
    }

    /// acme/one as allocated under the serial that is asked for now.
    func outcomes(_ keys: String...) -> [(String, UInt64, AllocationOutcome)] {
        keys.map { ($0, serial($0) ?? 0, .allocated(resource: resource($0))) }
    }

    mutating func report(_ outcomes: [(String, UInt64, AllocationOutcome)], applied: UInt64? = nil) {
        report("north", outcomes, applied: applied)
    }

    func serial(_ key: String = "acme/one", at name: String = "north") -> UInt64? {
        core.proxies[name]?.allocation(of: channel(key))?.serial
    }

    func held(_ subscriber: String = "alice", _ key: String = "acme/one", at name: String = "north")
        -> ChannelJoinIndication?
    {
        core.proxies[name]?.authorization(of: channel(key), subscriber: subscriber)
    }
}

extension [OTTServerAction] {
    var answers: [(id: UInt64, result: Result<JoinAnswer, Problem>)] {
        compactMap { if case .answerJoin(let id, let result) = $0 { (id, result) } else { nil } }
    }

    var codes: [String] {
        answers.compactMap { if case .failure(let problem) = $0.result { problem.code } else { nil } }
    }

    var refusals: [String] { compactMap { if case .refuse(let problem) = $0 { problem.code } else { nil } } }

    var published: [FeedMessage<ServerFeedItem>] {
        compactMap { if case .publish(_, let message) = $0 { message } else { nil } }
    }

    var upserts: [ServerFeedItem] {
        published.flatMap { if case .change(_, let upserts, _) = $0 { upserts } else { [] as [ServerFeedItem] } }
    }

    var removals: [String] {
        published.flatMap { if case .change(_, _, let removals) = $0 { removals } else { [] as [String] } }
    }

    var allocations: [AllocationIndication] {
        upserts.compactMap { if case .allocation(let indication) = $0 { indication } else { nil } }
    }

    var joins: [ChannelJoinIndication] {
        upserts.compactMap { if case .channelJoin(let indication) = $0 { indication } else { nil } }
    }
}
