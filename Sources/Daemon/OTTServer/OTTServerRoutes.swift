import ControlProtocol
import Credentials
import HTTPEdge
import HTTPTypes
import Hummingbird

/// What an OTT server is asked over HTTP; `deploy/openapi.yaml` describes each route.
enum OTTServerRoutes {
    /// For anyone.
    static func addClients(to router: Router<EdgeContext>, driver: OTTServerDriver, content: ContentFolder?) {
        addCatalogue(to: router, driver: driver) { _ in }
        router.post("/v1/channels/:provider/:channel/join") { request, context in
            let answer = try await driver.join(
                context.channel(), authorization: request.headers[.authorization], address: context.clientAddress())
            return try Response.json(answer)
        }
        addMedia(to: router, driver: driver)
        if let content {
            for method in [HTTPRequest.Method.get, .head] {
                router.on("/content/**", method: method) { request, _ in
                    try await content.response(to: request, path: request.uri.path.dropFirst("/content/".count))
                }
            }
        }
        router.get("/healthz") { _, _ in
            let isHealthy = await driver.isHealthy
            return try Response.json(
                ServerHealth(status: isHealthy ? "ok" : "store-failed"),
                status: isHealthy ? .ok : .serviceUnavailable)
        }
        ViewerPage.add(to: router)
        router.get("/openapi.yaml") { _, _ in Response.text(openAPIDocument, type: "application/yaml") }
    }

    /// What stock players ask: playlists, lists and session descriptions, with the token in the query or a header.
    private static func addMedia(to router: Router<EdgeContext>, driver: OTTServerDriver) {
        router.get("/live/:provider/:channel/master.m3u8") { request, context in
            let answer = try await driver.watch(
                context.channel(), authorization: request.clientAuthorization, address: context.clientAddress())
            switch answer {
            case .redirect(let location): return Response.redirect(to: location)
            case .origin(let description): return Response.masterPlaylist(description)
            }
        }
        router.get("/live/:provider/:channel/{rendition}.sdp") { request, context in
            let answer = try await driver.join(
                context.channel(), authorization: request.clientAuthorization, address: context.clientAddress())
            return try Response.sessionDescription(
                answer.resource, answer.mediaDescription, rendition: context.parameters.require("rendition"),
                to: request)
        }
        router.get("/channels.m3u") { request, context in
            let list = try await driver.channelList(
                authorization: request.clientAuthorization, address: context.clientAddress())
            return try Response.channelList(list, to: request)
        }
    }

    /// For nodes, by mutual TLS.
    static func addNodes(to router: Router<EdgeContext>, driver: OTTServerDriver) {
        addCatalogue(to: router, driver: driver) { context in
            try context.requirePeer(in: .liveProxy, .replicationPoint)
        }
        let proxies = router.group("/v1/proxies/:name")
        proxies.put { request, context in
            let name = try requireProxy(context)
            let registration = try await request.json(ProxyRegistration.self, limits: .nodes)
            guard registration.name == name else { throw Problem.otherName(registration.name, path: name) }
            try await driver.register(registration)
            return Response.nothing
        }
        proxies.get("feed") { request, context in
            let name = try requireProxy(context)
            let connection = try await driver.openFeed(of: name, from: FeedEndpoint.position(of: request))
            return FeedEndpoint.response(for: connection, to: request) { await driver.closeFeed(of: name) }
        }
        proxies.post("channel-joins") { request, context in
            let name = try requireProxy(context)
            let asked = try await request.json(ClientChannelRequest.self, limits: .clients)
            let answer = try await driver.join(
                asked.channel, authorization: "Bearer \(asked.token)", address: asked.address, proxy: name)
            return try Response.json(answer)
        }
        proxies.post("channel-lists") { request, context in
            _ = try requireProxy(context)
            let asked = try await request.json(ClientCatalogueRequest.self, limits: .clients)
            let list = try await driver.channelList(
                authorization: "Bearer \(asked.token)", address: asked.address)
            return try Response.json(ChannelCatalogue(channels: list.entries.map(\.description)))
        }
        proxies.put("report") { request, context in
            let name = try requireProxy(context)
            let report = try await request.json(ProxyReport.self, limits: .nodes)
            try await driver.report(report, of: name)
            return Response.nothing
        }
    }

    private static func addCatalogue(
        to router: Router<EdgeContext>, driver: OTTServerDriver,
        check: @escaping @Sendable (EdgeContext) throws -> Void
    ) {
        router.get("/v1/channels") { _, context in
            try check(context)
            return try Response.json(ChannelCatalogue(channels: await driver.channels))
        }
        router.get("/v1/channels/:provider/:channel") { _, context in
            try check(context)
            return try Response.json(try await driver.mediaDescription(of: context.channel()))
        }
    }

    /// The name in the path, which must be the certificate's.
    private static func requireProxy(_ context: EdgeContext) throws -> String {
        let name = try context.parameters.require("name")
        try context.requirePeer(.liveProxy, named: name)
        return name
    }
}

/// The answer of `/healthz`.
struct ServerHealth: Codable, Hashable, Sendable {
    var status: String
}

extension Problem {
    fileprivate static func otherName(_ found: String, path: String) -> Problem {
        Problem(
            code: "wrong-name", status: 400, title: "The registration names \(found), the path \(path)",
            detail: "Use one name in both.")
    }
}
