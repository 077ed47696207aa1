import Clockwork
import ControlProtocol
import LiveProxy
import ReplicationPoint
import Wire

// Viewers who watch by unicast: their proxy's grant opens a session at their replication point, and a stream in it.
extension Simulation {
    private static let reconnectDelay = Duration.seconds(1)

    /// The player follows its redirect to the proxy, and the playlist it gets there to the replication point; again later
    /// where either refuses.
    mutating func openStream(_ viewer: Int, _ wish: Int) {
        guard let state = roles?.viewers[viewer], state.wish == wish, state.stream == nil, let channel = state.channel,
            let point = point(of: viewer), let place = MetroNetwork.points.firstIndex(of: point)
        else { return }
        guard let grant = grant(viewer, channel), let session = session(viewer, grant, place, state.rendition) else {
            plan(.openStream(viewer: viewer, wish: wish), after: Self.reconnectDelay)
            return
        }
        happened("unicast stream")
        let rendition = session.resource.renditions[state.rendition]
        trace { "viewer-\(viewer) opens \(rendition.tree) at point\(place + 1)" }
        roles?.viewers[viewer].stream = RoleStream(place: place, session: session.id, rendition: rendition)
        give(.streamBegan(session: session.id, rendition: rendition.rendition), toPoint: place)
    }

    private mutating func grant(_ viewer: Int, _ channel: ChannelKey) -> ViewerGrant? {
        let wall = wall
        do throws(Problem) {
            return try roles?.proxy?.offer(channel, to: .v4(hosts[viewer].address), at: wall).grant
        } catch {
            happened("refused offer: \(error.code)")
            return nil
        }
    }

    private mutating func session(
        _ viewer: Int, _ grant: ViewerGrant, _ place: Int, _ rendition: Int
    ) -> ViewerSession? {
        guard let resource = roles?.points[place]?.resource(of: grant.channel), rendition < resource.renditions.count
        else { return nil }
        roles?.admission = nil
        let ask = ViewerAsk(
            channel: grant.channel, purpose: .stream(rendition: resource.renditions[rendition].rendition),
            address: .v4(hosts[viewer].address), proof: .grant(grant, text: "signed"))
        give(.viewerAsks(ask), toPoint: place)
        return roles?.admission
    }

    /// The player closes its connection.
    mutating func closeStream(_ viewer: Int) {
        guard let stream = roles?.viewers[viewer].stream else { return }
        roles?.viewers[viewer].stream = nil
        reportEnd(of: stream)
    }

    /// The replication point closes the session's connections; the player tries again.
    mutating func endStream(of session: UInt64, at place: Int, _ reason: SessionEnd) {
        for viewer in hosts.indices {
            guard let state = roles?.viewers[viewer], let stream = state.stream, stream.place == place,
                stream.session == session
            else { continue }
            happened("unicast stream closed: \(reason.rawValue)")
            closeStream(viewer)
            plan(.openStream(viewer: viewer, wish: state.wish), after: Self.reconnectDelay)
        }
    }

    private mutating func reportEnd(of stream: RoleStream) {
        give(
            .streamEnded(session: stream.session, rendition: stream.rendition.rendition, bytes: 1_316),
            toPoint: stream.place)
    }

    /// The replication point's process is gone, and every connection with it.
    mutating func breakStreams(of place: Int) {
        for viewer in hosts.indices where roles?.viewers[viewer].stream?.place == place {
            happened("unicast stream broken")
            roles?.viewers[viewer].stream = nil
            plan(
                .openStream(viewer: viewer, wish: roles?.viewers[viewer].wish ?? 0), after: Self.reconnectDelay)
        }
    }

    /// Whoever is entitled and watches by unicast has a stream, and its tree arrives at the replication point.
    mutating func checkStream(_ viewer: Int, of channel: ChannelKey, since recently: Instant) {
        guard let stream = roles?.viewers[viewer].stream else {
            violate("served", "viewer-\(viewer) has no stream of \(channel)")
            return
        }
        let router = routers[MetroNetwork.points[stream.place]]
        guard let link = router.port(named: MetroNetwork.deliveryPort)?.link else { return }
        let tree = stream.rendition.tree
        if (lastDelivered[LinkUse(link: link, tree: tree)] ?? .zero) < recently {
            violate("served", "\(router.name) does not get \(tree) for viewer-\(viewer)")
        }
    }
}
