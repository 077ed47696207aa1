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
import ReplicationPoint
import Testing
import Wire

/// All three roles as they run in `mrpd`, over TLS and Unix sockets; the routers alone are the test's.
private final class UnicastStage: Sendable {
    let folder: String
    let ports: (server: UInt16, nodes: UInt16, proxy: UInt16, proxyClients: UInt16, point: UInt16)
    let routers: [FakeRouter]
    let token: String
    private let server: OTTServerRole
    let proxy: LiveProxyRole
    private let point: ReplicationPointRole
    let pointClients: EdgeListener
    private let pointYAML: String

    /// - Parameter proxyPrefixes: whose clients the proxy serves; the test asks from 127.0.0.1.
    init(proxyPrefixes: String = "127.0.0.0/8") async throws {
        let folder = try temporaryFolder()
        self.folder = folder
        let credentials = try TestCredentials(in: folder)
        let keys = try TokenKeyPair(.es256)
        try CredentialFile.write(keys.publicKey, to: "\(folder)/token.pem", as: .shared, replacing: false)
        let now = WallClock.now()
        token = try await TokenIssuer(privateKey: keys.privateKey, algorithm: .es256).sign(
            TokenClaims(
                subscriber: "alice", issuer: "mrp", audience: "mrp", issuedAt: now, expires: now + .seconds(600)))
        ports = (try freePort(), try freePort(), try freePort(), try freePort(), try freePort())
        routers = [try FakeRouter(path: "\(folder)/router1"), try FakeRouter(path: "\(folder)/router2")]
        let serverYAML = """
            node: ott1
            tls: \(try credentials.tls(.ottServer, "ott1"))
            ott-server:
              client-address: 127.0.0.1:\(ports.server)
              node-address: 127.0.0.1:\(ports.nodes)
              control-socket: \(folder)/ott
              database: \(folder)/ott.sqlite
              tokens: {public-key: \(folder)/token.pem}
              channels:
                - channel: acme/news
                  title: News
                  renditions:
                    - {name: 720p, width: 1280, height: 720, bandwidth: 3Mbit/s, url: "http://127.0.0.1:9/720p.m3u8"}
            """
        let proxyYAML = """
            node: proxy1
            tls: \(try credentials.tls(.liveProxy, "proxy1"))
            live-proxy:
              ott-servers: https://127.0.0.1:\(ports.nodes)
              node-address: 127.0.0.1:\(ports.proxy)
              client-address: 127.0.0.1:\(ports.proxyClients)
              http-base: http://127.0.0.1:\(ports.proxyClients)
              address: 127.0.0.1
              prefixes: \(proxyPrefixes)
              router-socket: \(folder)/router1
              control-socket: \(folder)/proxy
              state: \(folder)/state
              source: {interface: lo, address: 127.0.0.1}
            """
        let pointYAML = """
            node: rp1
            tls: \(try credentials.tls(.replicationPoint, "rp1"))
            replication-point:
              live-proxy: https://127.0.0.1:\(ports.proxy)
              prefixes: 127.0.0.0/8
              http-base: http://127.0.0.1:\(ports.point)
              router-socket: \(folder)/router2
              control-socket: \(folder)/point
            """
        self.pointYAML = pointYAML
        var logger = Logger(label: "test")
        logger.logLevel = getenv("MRP_TEST_LOG") == nil ? .critical : .debug
        server = try OTTServerRole(try ConfigurationFile.parse(serverYAML, file: "server"), logger: logger)
        proxy = try LiveProxyRole(try ConfigurationFile.parse(proxyYAML, file: "proxy"), logger: logger)
        let point = try ReplicationPointRole(try ConfigurationFile.parse(pointYAML, file: "point"), logger: logger)
        self.point = point
        pointClients = EdgeListener(
            address: .v4(IPv4Address(127, 0, 0, 1)), port: ports.point, limits: .clients, logger: logger
        ) { point.addClientRoutes(to: $0) }
    }

    var admission: any ViewerAdmission { point.admission }

    /// What another replication point like this one would serve if it had a client listener.
    func servedRoutes() throws -> [String] {
        let text =
            pointYAML.replacing("control-socket: \(folder)/point", with: "control-socket: \(folder)/second")
            + "\n  client-address: 127.0.0.1:\(ports.point)\n"
        return try ReplicationPointRole(
            try ConfigurationFile.parse(text, file: "second"), logger: Logger(label: "test")
        ).clientRoutes
    }

    func run(_ work: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.server.run() }
            group.addTask { try await self.proxy.run() }
            group.addTask { try await self.point.run() }
            group.addTask { try await self.pointClients.run() }
            defer { group.cancelAll() }
            _ = await pointClients.boundPort
            await proxy.waitUntilReady()
            try await until("the point is known to the server") {
                try await self.show(.sessions, at: "ott").contains("rp1")
            }
            _ = try await command(.subscriberAdd, SubscriberArguments(subscriber: "alice"))
            let scope = try #require(ChannelScope(text: "acme/*"))
            _ = try await command(.entitle, EntitlementArguments(subscriber: "alice", scope: scope))
            try await work()
        }
    }

    func until(_ what: String, _ condition: @escaping @Sendable () async throws -> Bool) async throws {
        let end = MonotonicClock.now() + .seconds(10)
        while (try? await condition()) != true {
            try #require(MonotonicClock.now() < end, "never: \(what)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func show(_ topic: RoleTopic, at socket: String) async throws -> String {
        try await ask(.show(topic: topic.rawValue), at: socket)
    }

    func command(_ command: RoleCommand, _ arguments: some Encodable) async throws -> String {
        try await ask(.command(name: command.rawValue, arguments: JSONText.encode(arguments)), at: "ott")
    }

    private func ask(_ body: RoleRequest.Body, at socket: String) async throws -> String {
        let path = "\(folder)/\(socket)"
        let reply = try await Task.detached {
            var client = try ControlClient<RoleRequest, RoleReply>(path: path)
            return try client.request(RoleRequest(id: 1, body: body), timeout: .seconds(5))
        }.value
        guard case .document(let json) = reply.body else {
            throw Problem(code: "\(reply.body)", status: 0, title: "", detail: "")
        }
        return json
    }

    var serverURL: String { "http://127.0.0.1:\(ports.server)" }
    var proxyURL: String { "http://127.0.0.1:\(ports.proxyClients)" }
    var pointURL: String { "http://127.0.0.1:\(ports.point)" }

    /// The grant in a playlist's first URL.
    static func grant(in playlist: String) -> String? {
        playlist.split(separator: "\n").first { $0.contains("grant=") }?.components(separatedBy: "grant=").last
    }
}

@Suite(.serialized) struct UnicastControlTests {
    private let news: ChannelKey

    init() throws {
        news = try #require(ChannelKey(text: "acme/news"))
    }

    @Test(.timeLimit(.minutes(1)))
    func
        `a stock player is led from the server to its proxy to its replication point, and no grant opens anything else`()
        async throws
    {
        let stage = try await UnicastStage()
        try await stage.run { [news] in
            let bare = try await webRequest("GET", "\(stage.serverURL)/live/acme/news/master.m3u8")
            #expect(bare.status == 401)
            let early = try await webRequest("GET", "\(stage.proxyURL)/live/acme/news/master.m3u8")
            #expect(early.status == 403)
            #expect(early.body.contains("no-channel-join"))
            let redirect = try await webRequest(
                "GET", "\(stage.serverURL)/live/acme/news/master.m3u8?token=\(stage.token)")
            #expect(redirect.status == 302, "\(redirect.body)")
            #expect(redirect.headers["location"] == "\(stage.proxyURL)/live/acme/news/master.m3u8")
            let master = try await webRequest("GET", try #require(redirect.headers["location"]))
            #expect(master.status == 200)
            #expect(master.headers["content-type"] == "application/vnd.apple.mpegurl")
            #expect(master.body.contains("BANDWIDTH=3000000,RESOLUTION=1280x720"))
            #expect(master.body.contains("\n\(stage.pointURL)/live/acme/news/720p/index.m3u8?grant="))
            let grant = try #require(UnicastStage.grant(in: master.body))

            func admit(_ grant: String, _ purpose: ViewerRequest.Purpose, from address: String = "127.0.0.1") async
                -> String
            {
                do throws(Problem) {
                    let request = ViewerRequest(
                        channel: news, purpose: purpose,
                        address: IPAddress(address) ?? .v4(IPv4Address(rawValue: 0)), credentials: .grant(grant))
                    return try await stage.admission.admit(request).subscriber
                } catch {
                    return error.code
                }
            }
            #expect(await admit(grant, .playlist(rendition: "720p")) == "alice")
            #expect(await admit(grant, .playlist(rendition: "9p")) == "unknown-rendition")
            #expect(await admit(grant, .stream(rendition: "720p"), from: "127.0.0.2") == "wrong-address")
            #expect(await admit(grant + "x", .masterPlaylist) == "grant-bad-signature")
            #expect(await admit(stage.token, .masterPlaylist) == "grant-malformed")
            try await stage.until("the router is told of the member") {
                stage.routers[1].items.contains("unicast-member/(127.0.0.1,232.1.0.0)/127.0.0.1/alice")
            }
            #expect(try await stage.show(.sessions, at: "point").contains("\"kind\":\"viewer\""))
            let scope = try #require(ChannelScope(text: "acme/*"))
            _ = try await stage.command(.revoke, EntitlementArguments(subscriber: "alice", scope: scope))
            try await stage.until("the session is closed") {
                try await stage.show(.counters, at: "point").contains(#""count":1,"name":"sessions-closed-revoked""#)
            }
            #expect(await admit(grant, .masterPlaylist) == "revoked")
            #expect(!stage.routers[1].items.contains { $0.hasPrefix("unicast-member") })
            #expect(
                try await stage.show(.counters, at: "point").contains(
                    #""count":1,"name":"viewers-refused-wrong-address""#))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a client that asks the replication point with its token is joined from there`() async throws {
        let stage = try await UnicastStage()
        try await stage.run {
            let url = "\(stage.pointURL)/live/acme/news/master.m3u8"
            let forged = try await webRequest("GET", "\(url)?token=\(stage.token)x")
            #expect(forged.status == 401)
            #expect(forged.body.contains("token-bad-signature"), "the server's own refusal: \(forged.body)")
            let bare = try await webRequest("GET", url)
            #expect(bare.status == 404, "nobody has asked for the channel yet")
            for _ in 0..<2 {
                let master = try await webRequest("GET", "\(url)?token=\(stage.token)")
                #expect(master.status == 200, "\(master.body)")
                #expect(master.body.contains("\n\(stage.pointURL)/live/acme/news/720p/index.m3u8?grant="))
            }
            #expect(try await stage.show(.counters, at: "proxy").contains(#""count":1,"name":"offers""#), "asked once")
            #expect(try await stage.show(.subscribers, at: "point").contains("alice"))
            let none = try await webRequest("GET", url)
            #expect(none.status == 403)
            #expect(none.body.contains("no-grant"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `lists and session descriptions come in the forms that players take, to pages of any origin`() async throws {
        let stage = try await UnicastStage()
        try await stage.run {
            let origin = ["Origin: http://player.example"]
            let list = try await webRequest(
                "GET", "\(stage.serverURL)/channels.m3u?token=\(stage.token)", headers: origin)
            #expect(list.status == 200)
            #expect(list.headers["access-control-allow-origin"] == "*")
            #expect(list.body.contains("\(stage.serverURL)/live/acme/news/master.m3u8?token=\(stage.token)\n"))
            let before = try await webRequest(
                "GET", "\(stage.serverURL)/channels.m3u?form=multicast&token=\(stage.token)")
            #expect(before.body == "#EXTM3U\n", "nothing has a group yet")
            let sdp = try await webRequest(
                "GET", "\(stage.serverURL)/live/acme/news/720p.sdp", headers: ["Authorization: Bearer \(stage.token)"])
            #expect(sdp.status == 200, "\(sdp.body)")
            #expect(sdp.headers["content-type"] == "application/sdp")
            #expect(sdp.body.contains("a=source-filter: incl IN IP4 232.1.0.0 127.0.0.1\r\n"))
            for base in [stage.serverURL, stage.pointURL] {
                let after = try await webRequest("GET", "\(base)/channels.m3u?form=multicast&token=\(stage.token)")
                #expect(after.body.contains("\nrtp://127.0.0.1@232.1.0.0:5000\n"), "\(after.body)")
            }
            let preflight = try await webRequest(
                "OPTIONS", "\(stage.proxyURL)/live/acme/news/master.m3u8",
                headers: origin + [
                    "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization",
                ])
            #expect(preflight.status == 204)
            #expect(preflight.headers["access-control-allow-headers"]?.contains("authorization") == true)
            let refused = try await webRequest("GET", "\(stage.pointURL)/channels.m3u", headers: origin)
            #expect(refused.status == 401)
            #expect(refused.headers["access-control-allow-origin"] == "*", "a page may read why")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a client outside every prefix gets the origin's own URLs`() async throws {
        let stage = try await UnicastStage(proxyPrefixes: "10.3.0.0/16")
        try await stage.run {
            let url = "\(stage.serverURL)/live/acme/news/master.m3u8"
            let master = try await webRequest("GET", "\(url)?token=\(stage.token)")
            #expect(master.status == 200)
            #expect(master.body.contains("\nhttp://127.0.0.1:9/720p.m3u8\n"))
            let scope = try #require(ChannelScope(text: "acme/*"))
            _ = try await stage.command(.revoke, EntitlementArguments(subscriber: "alice", scope: scope))
            let refused = try await webRequest("GET", "\(url)?token=\(stage.token)")
            #expect(refused.status == 403)
            #expect(!refused.body.contains("127.0.0.1:9"))
        }
    }

    @Test func `the OpenAPI document names every route of proxy and replication point, and no other`() async throws {
        let stage = try await UnicastStage()
        let document = try OpenAPIDocumentReader(openAPIDocument)
        #expect(document.operations(listener: "proxy-clients") == stage.proxy.routes.clients)
        #expect(document.operations(listener: "proxy-nodes") == stage.proxy.routes.nodes)
        let served = try stage.servedRoutes()
        #expect(document.operations(listener: "point-clients") == served)
        #expect(Set(stage.pointClients.routes).isSubset(of: served))
    }
}
