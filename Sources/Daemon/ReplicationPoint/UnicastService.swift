import ControlProtocol
import ControlSocket
import HTTPEdge
import Hummingbird
import LinuxIO
import Logging
import MRPConfiguration
import MediaIO
import ReplicationPoint
import ServiceLifecycle
import UnicastDelivery
import Wire

/// The unicast half of a replication point: rings, connections, and the HTTP listener in front of them.
final class UnicastService: ViewerDelivery {
    private let media: UnicastMedia
    private let listener: EdgeListener
    private let logger: Logger
    private let router: RouterLink

    /// - Parameter routes: adds what clients ask beside the media.
    init(
        _ section: ReplicationPointConfiguration, at address: ListenEndpoint, admission: any ViewerAdmission,
        router link: RouterLink, logger: Logger, routes: (Router<EdgeContext>) -> Void
    ) throws(StartError) {
        self.logger = logger
        router = link
        do throws(SystemError) {
            media = try UnicastMedia(UnicastMedia.Configuration(section.unicast)) { error in
                logger.warning(
                    "no packets from the router", metadata: ["reason": "delivery-failed", "error": "\(error)"])
                link.openDelivery()
            }
        } catch {
            throw .router(.replicationPoint, "\(error)")
        }
        let serving = UnicastRoutes(
            media: media, admission: admission, keepsAllRenditions: section.unicast.hlsRenditions == .all)
        var limits = EdgeLimits.clients
        limits.maximumConnectionsPerAddress = section.unicast.connectionsPerAddress
        listener = EdgeListener(
            address: address.address, port: address.port, limits: limits, logger: logger
        ) {
            routes($0)
            serving.add(to: $0)
        }
    }

    var boundPort: UInt16 {
        get async { await listener.boundPort }
    }

    /// What is served, such as `GET /channels.m3u`.
    var routes: [String] { listener.routes }

    func run() async throws {
        router.openDelivery()
        try await listener.run()
        media.stop()
    }

    /// What the router said to `openDelivery`.
    func hear(_ event: RouterLinkEvent) {
        switch event {
        case .delivery(let descriptor, let interface):
            logger.info("receiving from the router", metadata: ["interface": "\(interface)"])
            media.attach(descriptor)
        case .deliveryRefused(let problem):
            logger.error("no unicast", metadata: ["reason": "\(problem.code)", "detail": "\(problem.title)"])
        default: break
        }
    }

    // MARK: ViewerDelivery

    func close(session: UInt64, reason: SessionEnd) {
        logger.debug("closing", metadata: ["session": "\(session)", "reason": "\(reason.rawValue)"])
        media.close(session: session)
    }

    func progress() async -> [StreamProgress] {
        guard let report = await media.report() else { return [] }
        return report.viewers.map {
            StreamProgress(
                session: $0.session, rendition: $0.rendition, bytes: $0.bytes, bitRate: $0.bitRate,
                behindLive: $0.behindLive)
        }
    }

    /// For `show counters`.
    func counters() async -> [NamedCount] {
        let refused = NamedCount(name: "http-connections-refused", count: listener.refusedConnections)
        guard let report = await media.report() else { return [refused] }
        return [refused] + report.counts.map { NamedCount(name: $0.name, count: $0.value) }
    }
}

extension UnicastMedia.Configuration {
    init(_ section: UnicastConfiguration) {
        self.init()
        ring = RingIndex.Configuration(
            capacity: section.ringSize << 20, segment: section.segment, window: section.window)
        slowViewer =
            switch section.slowClient {
            case .advance: .advance
            case .close: .close
            }
        stallTimeout = section.stallTimeout
        maximumViewers = section.maximumViewers
        maximumStreams = section.maximumRings
    }
}
