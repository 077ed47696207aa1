import ControlProtocol
import Credentials
import HTTPEdge
import Hummingbird

/// What a live proxy is asked over HTTP; `deploy/openapi.yaml` describes each route.
enum LiveProxyRoutes {
    /// For anyone: where unicast viewers are told their replication point.
    static func addClients(to router: Router<EdgeContext>, driver: LiveProxyDriver) {
        router.get("/live/:provider/:channel/master.m3u8") { _, context in
            let offer = try await driver.offer(context.channel(), to: context.clientAddress())
            return Response.masterPlaylist(offer.mediaDescription)
        }
        router.get("/v1/channels/:provider/:channel/unicast") { _, context in
            try Response.json(try await driver.offer(context.channel(), to: context.clientAddress()))
        }
    }

    /// For replication points, by mutual TLS.
    static func add(to router: Router<EdgeContext>, driver: LiveProxyDriver) {
        let points = router.group("/v1/replication-points/:name")
        points.put { request, context in
            let name = try requirePoint(context)
            let registration = try await request.json(ReplicationPointRegistration.self, limits: .nodes)
            guard registration.name == name else { throw otherName(registration.name, name) }
            try await driver.register(registration)
            return Response.nothing
        }
        points.get("feed") { request, context in
            let name = try requirePoint(context)
            let connection = try await driver.openFeed(of: name, from: FeedEndpoint.position(of: request))
            return FeedEndpoint.response(for: connection, to: request) { await driver.closeFeed(of: name) }
        }
        points.post("channel-joins") { request, context in
            let name = try requirePoint(context)
            let asked = try await request.json(ClientChannelRequest.self, limits: .clients)
            return try Response.json(try await driver.join(asked, for: name))
        }
        points.post("channel-lists") { request, context in
            let name = try requirePoint(context)
            let asked = try await request.json(ClientCatalogueRequest.self, limits: .clients)
            return try Response.json(try await driver.catalogue(asked, for: name))
        }
        points.put("report") { request, context in
            let name = try requirePoint(context)
            let report = try await request.json(ReplicationPointReport.self, limits: .nodes)
            try await driver.report(report, of: name)
            return Response.nothing
        }
    }

    /// The name in the path, which must be the certificate's.
    private static func requirePoint(_ context: EdgeContext) throws -> String {
        let name = try context.parameters.require("name")
        try context.requirePeer(.replicationPoint, named: name)
        return name
    }

    private static func otherName(_ found: String, _ expected: String) -> Problem {
        Problem(
            code: "wrong-name", status: 400, title: "The registration names \(found), the path \(expected).",
            detail: "Use one name in both.")
    }
}
