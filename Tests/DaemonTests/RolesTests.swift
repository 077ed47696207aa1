import Clockwork
import ConfigurationFile
import ControlProtocol
import ControlSocket
import Credentials
import Daemon
import Dispatch
import Glibc
import HTTPEdge
import JSONCoding
import LinuxIO
import Logging
import MRPConfiguration
import Synchronization
import Testing
import Wire

/// A live proxy and a replication point as they run in `mrpd`, over TLS and Unix sockets; OTT server and routers are the
/// test's.
final class Stage: Sendable {
    let folder: String
    let server = FakeServer()
    let proxyRouter: FakeRouter
    let pointRouter: FakeRouter
    let proxy: Configuration
    let point: Configuration
    let listener: EdgeListener
    let logger: Logger

    init() throws {
        folder = try temporaryFolder()
        let credentials = try TestCredentials(in: folder)
        let ports = (server: try freePort(), proxy: try freePort())
        var logger = Logger(label: "test")
        logger.logLevel = getenv("MRP_TEST_LOG") == nil ? .critical : .debug
        self.logger = logger
        proxyRouter = try FakeRouter(path: "\(folder)/router1")
        pointRouter = try FakeRouter(path: "\(folder)/router2")
        let serverYAML = """
            node: ott1
            tls: \(try credentials.tls(.ottServer, "ott1"))
            ott-server: {tokens: {public-key: none}}
            """
        let proxyYAML = """
            node: proxy1
            tls: \(try credentials.tls(.liveProxy, "proxy1"))
            live-proxy:
              ott-servers: https://127.0.0.1:\(ports.server)
              node-address: 127.0.0.1:\(ports.proxy)
              address: 127.0.0.1
              prefixes: 10.3.0.0/16
              router-socket: \(folder)/router1
              control-socket: \(folder)/proxy
              state: \(folder)/state
              source: {interface: lo, address: 127.0.0.1}
              idle-timeout: 2s
              linger: 0s
            """
        let pointYAML = """
            node: rp1
            tls: \(try credentials.tls(.replicationPoint, "rp1"))
            replication-point:
              live-proxy: https://127.0.0.1:\(ports.proxy)
              prefixes: 10.3.1.0/24
              router-socket: \(folder)/router2
              control-socket: \(folder)/point
            """
        let whole = try ConfigurationFile.parse(serverYAML, file: "server")
        proxy = try ConfigurationFile.parse(proxyYAML, file: "proxy")
        point = try ConfigurationFile.parse(pointYAML, file: "point")
        let server = server
        listener = EdgeListener(
            address: .v4(IPv4Address(127, 0, 0, 1)), port: ports.server,
            credentials: try whole.credentials(for: .ottServer), limits: .nodes, logger: logger
        ) { server.routes($0) }
    }

    func run(_ work: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.listener.run() }
            defer { group.cancelAll() }
            try await work()
        }
    }

    /// Runs both roles while `work` lasts, and ends them as SIGKILL would, without a word.
    func withRoles(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let proxyRole = try LiveProxyRole(proxy, logger: logger)
        let pointRole = try ReplicationPointRole(point, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await proxyRole.run() }
            group.addTask { try await pointRole.run() }
            defer { group.cancelAll() }
            try await work()
        }
    }

    /// The first event of `topic`; the watch has begun when this returns. It waits on a thread of its own.
    func firstEvent(
        of topic: RoleTopic, at socket: String
    ) async throws -> AsyncThrowingStream<RoleEventDocument, any Error> {
        let path = "\(folder)/\(socket)"
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: RoleEventDocument.self)
        try await withCheckedThrowingContinuation { (begun: CheckedContinuation<Void, any Error>) in
            DispatchQueue.global().async {
                var isWatching = false
                do {
                    var client = try ControlClient<RoleRequest, RoleReply>(path: path)
                    try client.send(RoleRequest(id: 1, body: .watch(topics: [topic.rawValue])), timeout: .seconds(5))
                    // An answer to what comes after it says that the watch was read.
                    _ = try client.request(RoleRequest(id: 2, body: .describe), timeout: .seconds(5))
                    isWatching = true
                    begun.resume()
                    guard case .event(let json) = try client.receive(timeout: .seconds(30)).body else {
                        throw TestFailure("not an event")
                    }
                    continuation.yield(try JSONText.decode(RoleEventDocument.self, from: json))
                    continuation.finish()
                } catch {
                    if !isWatching { begun.resume(throwing: error) }
                    continuation.finish(throwing: error)
                }
            }
        }
        return stream
    }

    func show(_ topic: RoleTopic, at socket: String) async throws -> String {
        let path = "\(folder)/\(socket)"
        let reply = try await Task.detached {
            var client = try ControlClient<RoleRequest, RoleReply>(path: path)
            return try client.request(
                RoleRequest(id: 1, body: .show(topic: topic.rawValue)), timeout: .seconds(5))
        }.value
        guard case .document(let json) = reply.body else { throw TestFailure("\(reply.body)") }
        return json
    }
}

struct TestFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Waits until `condition` holds, for at most ten seconds.
func eventually(
    _ what: String, _ condition: @escaping @Sendable () async throws -> Bool
) async throws {
    let end = MonotonicClock.now() + .seconds(10)
    while try await !condition() {
        guard MonotonicClock.now() < end else { throw TestFailure("never: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

@Suite(.serialized) struct RolesTests {
    @Test func `a role that cannot open its control socket says why, and the process lives on`() throws {
        let stage = try Stage()
        var (point, proxy) = (stage.point, stage.proxy)
        point.controlGroup = "no-such-group"
        proxy.controlGroup = "no-such-group"
        let reason = "there is no group no-such-group on this system"
        #expect(throws: StartError.controlSocket(.replicationPoint, reason)) {
            _ = try ReplicationPointRole(point, logger: stage.logger)
        }
        #expect(throws: StartError.controlSocket(.liveProxy, reason)) {
            _ = try LiveProxyRole(proxy, logger: stage.logger)
        }
    }

    private let news: ChannelKey
    private let allocation: ServerFeedItem
    private let join: ServerFeedItem

    init() throws {
        news = try #require(ChannelKey(text: "acme/news"))
        let rendition = Rendition(
            name: "720p", width: 1280, height: 720, bandwidth: 3_000_000, url: "http://127.0.0.1:9/720p.m3u8")
        let description = MediaDescription(channel: news, title: "News", renditions: [rendition])
        allocation = .allocation(AllocationIndication(channel: news, serial: 1, description: description))
        join = .channelJoin(
            ChannelJoinIndication(
                subscriber: "alice", binding: SubscriberBinding(addresses: [.v4(IPv4Address(10, 3, 1, 7))]),
                channel: news, serial: 1, expires: WallClock.now() + .seconds(600)))
    }

    @Test(.timeLimit(.minutes(1)))
    func `an authorization travels from the server to the viewer's router, and its arrival back`() async throws {
        let stage = try Stage()
        try await stage.run { [allocation, join, news] in
            try await stage.withRoles {
                try await eventually("the replication point is known to the server") {
                    stage.server.report?.replicationPoints.map(\.name) == ["rp1"]
                }
                #expect(stage.server.registration.withLock { $0?.prefixes.map(\.description) } == ["10.3.0.0/16"])
                stage.server.publish([allocation])
                try await eventually("the allocation is reported") {
                    stage.server.report?.allocations.first?.channel == news
                }
                #expect(stage.proxyRouter.items == ["local-tree/(127.0.0.1,232.1.0.0)"])
                stage.server.publish([join])
                let revision = stage.server.revision
                try await eventually("the join is applied at the viewer's router") {
                    stage.server.report?.replicationPoints.first?.applied == revision
                }
                #expect(
                    stage.pointRouter.items == [
                        "authorization/(127.0.0.1,232.1.0.0)/alice", "source-mapping/232.1.0.0",
                    ])
                #expect(try await stage.show(.channels, at: "proxy").contains("acme/news"))
                #expect(try await stage.show(.subscribers, at: "point").contains("alice"))
                #expect(try await stage.show(.counters, at: "proxy").contains("ingest-playlist-failures"))
                #expect(try await stage.show(.feeds, at: "proxy").contains("in-step"))
                #expect(try await stage.show(.sessions, at: "proxy").contains("acme/news/720p"))
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `who watches a role's channels hears of them in the words of every role, and of nothing else`() async throws {
        let stage = try Stage()
        try await stage.run { [allocation, join, news] in
            try await stage.withRoles {
                var proxyEvents = try await stage.firstEvent(of: .channels, at: "proxy").makeAsyncIterator()
                var pointEvents = try await stage.firstEvent(of: .channels, at: "point").makeAsyncIterator()
                stage.server.publish([allocation])
                stage.server.publish([join])
                let proxy = try #require(try await proxyEvents.next())
                let point = try #require(try await pointEvents.next())
                #expect((proxy.role, proxy.event, proxy.channel) == (.liveProxy, "allocated", news))
                #expect((point.role, point.event, point.channel) == (.replicationPoint, "channel-mapped", news))
                #expect([proxy.topic, point.topic] == ["channels", "channels"])
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `roles that were cut short come back with the same resources, and nothing is withdrawn meanwhile`()
        async throws
    {
        let stage = try Stage()
        try await stage.run { [allocation, join] in
            stage.server.publish([allocation])
            stage.server.publish([join])
            let isComplete: @Sendable () -> Bool = {
                stage.server.report?.replicationPoints.first?.applied == stage.server.revision
                    && stage.pointRouter.items.count == 2
            }
            try await stage.withRoles { try await eventually("all is applied", isComplete) }
            let before = try #require(stage.server.report?.allocations)
            #expect(stage.pointRouter.items.count == 2)
            try await stage.withRoles {
                try await eventually("all is applied again") {
                    #expect(stage.pointRouter.items.count == 2)
                    return isComplete()
                }
            }
            #expect(stage.server.report?.allocations == before)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `the last leave releases the channel at the server`() async throws {
        let stage = try Stage()
        try await stage.run { [allocation] in
            try await stage.withRoles {
                stage.server.publish([allocation])
                try await eventually("the tree is known to the router") { stage.proxyRouter.items.count == 1 }
                let tree = SourceGroup(
                    source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(232, 1, 0, 0)))
                stage.proxyRouter.demand([TreeDemand(tree: tree, outputPorts: 1)])
                stage.proxyRouter.demand([TreeDemand(tree: tree, outputPorts: 0)])
                try await eventually("the release is reported") {
                    stage.server.report?.allocations.first?.outcome == .released
                }
                try await eventually("the router forgets the tree") { stage.proxyRouter.items.isEmpty }
            }
        }
    }

    @Test func `a certificate of another node or role is refused at the start`() throws {
        let stage = try Stage()
        var other = stage.proxy
        other.node = "proxy2"
        #expect {
            try LiveProxyRole(other, logger: stage.logger)
        } throws: { error in
            "\(error)".contains("live-proxy proxy2")
        }
        other = stage.proxy
        other.liveProxy?.tls = stage.point.tls
        #expect(throws: StartError.self) { try LiveProxyRole(other, logger: stage.logger) }
    }
}
