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
            guard let address = context.remoteAddress else { throw Problem.noAddress }
            let answer = try await driver.join(
                channel(context), authorization: request.headers[.authorization], address: address)
            return try Response.json(answer)
        }
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
        router.get("/openapi.yaml") { _, _ in Response.text(openAPIDocument, type: "application/yaml") }
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
            return try Response.json(try await driver.mediaDescription(of: channel(context)))
        }
    }

    private static func channel(_ context: EdgeContext) throws -> ChannelKey {
        let provider = try context.parameters.require("provider")
        let name = try context.parameters.require("channel")
        guard let key = ChannelKey(provider: provider, channel: name) else {
            throw Problem.badName("\(provider)/\(name)")
        }
        return key
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
    fileprivate static let noAddress = Problem(
        code: "no-address", status: 400, title: "The connection has no address", detail: "Ask by TCP.")

    fileprivate static func otherName(_ found: String, path: String) -> Problem {
        Problem(
            code: "wrong-name", status: 400, title: "The registration names \(found), the path \(path)",
            detail: "Use one name in both.")
    }
}
