import ControlProtocol
import Credentials
import HTTPEdge
import Hummingbird

/// What replication points ask of a live proxy, by mutual TLS.
enum LiveProxyRoutes {
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
