import Clockwork
import ConfigurationFile
import ControlProtocol
import ControlSocket
import Credentials
import Daemon
import Foundation
import HTTPEdge
import JSONCoding
import LinuxIO
import Logging
import MRPConfiguration
import Synchronization
import Testing
import Wire

/// A folder with all an OTT server needs: certificates, token keys, a configuration, a database, a playlist.
final class ServerFolder: Sendable {
    let path: String
    let authority: CertificateAuthority
    let tokenKeys: TokenKeyPair

    init() throws {
        path = "/tmp/mrp-ott-\(getpid())-\(UInt32.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: path + "/content/acme", withIntermediateDirectories: true)
        try "#EXTM3U\n".write(toFile: path + "/content/acme/one.m3u8", atomically: true, encoding: .utf8)
        authority = try CertificateAuthority(name: "test", now: WallClock.now())
        tokenKeys = try TokenKeyPair(.es256)
        try CredentialFile.write(authority.certificatePEM, to: path + "/authority.pem", as: .shared, replacing: false)
        try CredentialFile.write(tokenKeys.publicKey, to: path + "/token.pub.pem", as: .shared, replacing: false)
        let server = try issue(.ottServer, "ott")
        try CredentialFile.write(server.certificate, to: path + "/ott.pem", as: .shared, replacing: false)
        try CredentialFile.write(server.privateKey, to: path + "/ott.key", as: .privateKey, replacing: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func issue(_ role: NodeRole, _ name: String) throws -> CertifiedKey {
        try authority.issue(
            try #require(NodeIdentity(role: role, name: name)), names: ["127.0.0.1"], now: WallClock.now())
    }

    func credentials(_ role: NodeRole, _ name: String) throws -> NodeCredentials {
        let certified = try issue(role, name)
        return try NodeCredentials(
            certificate: certified.certificate, privateKey: certified.privateKey, authority: authority.certificatePEM)
    }

    func token(for subscriber: String, lifetime: Duration = .seconds(600)) async throws -> String {
        let now = WallClock.now()
        let claims = TokenClaims(
            subscriber: subscriber, issuer: "mrp", audience: "mrp", issuedAt: now, expires: now + lifetime)
        return try await TokenIssuer(privateKey: tokenKeys.privateKey, algorithm: .es256).sign(claims)
    }

    func configuration(joinDeadline: String = "2s") throws -> Configuration {
        let text = """
            node: ott
            tls: {certificate: \(path)/ott.pem, key: \(path)/ott.key, authority: \(path)/authority.pem}
            ott-server:
              client-address: 127.0.0.1:1
              node-address: 127.0.0.1:2
              control-socket: \(path)/ott.sock
              database: \(path)/ott.sqlite
              content: \(path)/content
              join-deadline: \(joinDeadline)
              tokens: {public-key: \(path)/token.pub.pem}
              channels:
                - channel: acme/one
                  renditions: [{name: high, bandwidth: 5Mbit/s, url: "http://origin/one.m3u8"}]
            """
        var configuration = try ConfigurationFile.parse(text, file: "test.yaml")
        configuration.ottServer?.clientAddress.port = 0
        configuration.ottServer?.nodeAddress.port = 0
        return configuration
    }
}

/// A server that runs while a test does.
struct RunningServer: Sendable {
    let role: OTTServerRole
    let folder: ServerFolder
    let clients: EdgeClient
    let nodes: String

    /// Runs `work` against a server on `folder`; a second call on the same folder is a restart.
    static func run(
        on folder: ServerFolder, joinDeadline: String = "2s",
        _ work: @escaping @Sendable (RunningServer) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let role = try OTTServerRole(folder.configuration(joinDeadline: joinDeadline), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await role.run() }
            let ports = await role.ports
            let clients = try EdgeClient(base: "http://127.0.0.1:\(ports.clients)")
            let server = RunningServer(
                role: role, folder: folder, clients: clients, nodes: "https://127.0.0.1:\(ports.nodes)")
            let result: Result<Void, any Error>
            do {
                result = .success(try await work(server))
            } catch {
                result = .failure(error)
            }
            await clients.shutdown()
            group.cancelAll()
            while let ended = await group.nextResult() { _ = ended }
            try result.get()
        }
    }

    func node(_ role: NodeRole, _ name: String) throws -> EdgeClient {
        try EdgeClient(base: nodes, credentials: folder.credentials(role, name))
    }

    /// Asks by the control socket, on a thread of its own since the tool's client blocks.
    func control(_ body: RoleRequest.Body) async throws -> RoleReply.Body {
        let path = folder.path + "/ott.sock"
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        var client = try ControlClient<RoleRequest, RoleReply>(path: path)
                        return try client.request(RoleRequest(id: 1, body: body), timeout: .seconds(10)).body
                    })
            }
        }
    }

    func command(_ command: RoleCommand, _ arguments: some Encodable) async throws -> RoleReply.Body {
        try await control(.command(name: command.rawValue, arguments: JSONText.encode(arguments)))
    }

    func enrol(_ subscriber: String, scope: String = "acme/*") async throws {
        _ = try await command(.subscriberAdd, SubscriberArguments(subscriber: subscriber))
        let scope = try #require(ChannelScope(text: scope))
        _ = try await command(.entitle, EntitlementArguments(subscriber: subscriber, scope: scope))
    }
}

/// A live proxy as the server sees one: follows, allocates whatever it is asked for, and has one replication point.
final class FakeProxy: Sendable {
    typealias Feed = FeedClient<ServerFeedItem, ProxyRegistration, ProxyReport>

    let feed: Feed
    let messages: AsyncStream<FeedMessage<ServerFeedItem>>
    private let heard: AsyncStream<FeedMessage<ServerFeedItem>>.Continuation
    private let follower: Mutex<FeedFollower<ServerFeedItem>>

    init(_ client: EdgeClient, name: String = "north", resuming: FakeProxy? = nil) throws {
        let registration = ProxyRegistration(
            name: name, prefixes: [try #require(IPPrefix("127.0.0.0/8"))],
            address: try #require(IPAddress("10.255.0.1")))
        feed = Feed(client: client, path: "/v1/proxies/\(name)", registration: registration)
        follower = Mutex(resuming?.follower.withLock { $0 } ?? FeedFollower())
        (messages, heard) = AsyncStream.makeStream()
    }

    func run() async {
        await feed.run(position: { self.follower.withLock { $0.position } }) { event in
            guard case .message(let message) = event else { return .next }
            let isApplied = self.follower.withLock { (try? $0.apply(message)) != nil }
            guard isApplied else {
                self.follower.withLock { $0.losePlace() }
                return .startOver
            }
            self.heard.yield(message)
            self.report()
            return .next
        }
    }

    var items: [ServerFeedItem] { follower.withLock { $0.current } }

    private func report() {
        let (items, position) = follower.withLock { ($0.current, $0.position) }
        guard let position, let prefix = IPPrefix("127.0.0.0/8") else { return }
        let allocations = items.compactMap { item -> ProxyReport.Allocation? in
            guard case .allocation(let indication) = item, let resource = Self.resource(of: indication.channel) else {
                return nil
            }
            return ProxyReport.Allocation(
                channel: indication.channel, serial: indication.serial, outcome: .allocated(resource: resource))
        }
        let point = ReplicationPointStatus(
            name: "rp", prefixes: [prefix], httpBase: nil, applied: position.revision)
        feed.report(ProxyReport(position: position, allocations: allocations, replicationPoints: [point]))
    }

    static func resource(of channel: ChannelKey) -> MulticastResource? {
        guard let source = IPAddress("10.255.0.1"), let group = IPAddress("232.1.0.1") else { return nil }
        return MulticastResource(
            channel: channel, generation: 1, layout: .groupPerRendition, addressing: .sourceSpecific,
            renditions: [RenditionResource(rendition: "high", source: source, group: group, port: 5_000)])
    }
}
