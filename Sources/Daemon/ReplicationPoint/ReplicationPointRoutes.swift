import ControlProtocol
import Credentials
import HTTPEdge
import Hummingbird
import ReplicationPoint

/// What clients ask of a replication point beside the media itself; `deploy/openapi.yaml` describes each route.
enum ReplicationPointRoutes {
    static func addClients(to router: Router<EdgeContext>, driver: ReplicationPointDriver) {
        router.get("/live/:provider/:channel/master.m3u8") { request, context in
            let session = try await driver.admit(viewer(request, context))
            return Response.masterPlaylist(playlists(of: session, at: request.ownBase))
        }
        router.get("/live/:provider/:channel/{rendition}.sdp") { request, context in
            let session = try await driver.admit(viewer(request, context))
            return try Response.sessionDescription(
                session.resource, session.description, rendition: context.parameters.require("rendition"), to: request)
        }
        router.get("/channels.m3u") { request, context in
            guard let token = request.clientToken else { throw Problem.badToken(.missing) }
            let list = try await driver.channelList(token: token, address: context.clientAddress())
            return try Response.channelList(list, to: request)
        }
        ViewerPage.add(to: router)
    }

    /// The request as admission judges it: a grant in the query, or else the client's token.
    private static func viewer(_ request: Request, _ context: EdgeContext) throws -> ViewerRequest {
        let grant = request.uri.queryParameters["grant"].map { ViewerCredentials.grant(String($0)) }
        return ViewerRequest(
            channel: try context.channel(), purpose: .masterPlaylist, address: try context.clientAddress(),
            credentials: grant ?? request.clientToken.map { .token($0) } ?? .none)
    }

    private static func playlists(of session: ViewerSession, at base: String) -> MediaDescription {
        session.description.relocated(toReplicationPoint: base, grant: session.grant ?? "")
    }
}
