import ControlProtocol
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import ServiceLifecycle
import Wire

/// One address to serve HTTP on: plain for clients, mutual TLS for nodes.
package struct EdgeListener: Service {
    private let address: IPAddress
    private let port: UInt16
    private let credentials: NodeCredentials?
    private let limits: EdgeLimits
    private let logger: Logger
    private let responder: RouterResponder<EdgeContext>
    /// What is served, such as `GET /v1/proxies/{name}/feed`, sorted.
    package let routes: [String]
    private let census: ConnectionCensus
    private let running = AsyncStream<UInt16>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - port: zero takes any, see `boundPort`.
    ///   - credentials: this node's certificate and whose certificates it takes; nil serves plain HTTP.
    ///   - routes: adds the handlers; problems they throw are answered as `application/problem+json`.
    package init(
        address: IPAddress, port: UInt16, credentials: NodeCredentials? = nil, limits: EdgeLimits, logger: Logger,
        routes: (Router<EdgeContext>) -> Void
    ) {
        self.address = address
        self.port = port
        self.credentials = credentials
        self.limits = limits
        self.logger = logger
        census = ConnectionCensus(limit: limits.maximumConnectionsPerAddress)
        let router = Router(context: EdgeContext.self)
        if credentials == nil { router.add(middleware: CrossOriginMiddleware()) }
        router.add(middleware: ProblemMiddleware())
        if credentials != nil { router.add(middleware: PeerIdentityMiddleware()) }
        routes(router)
        self.routes = router.routes.map { "\($0.method.rawValue) \(Self.template(of: $0.path.description))" }.sorted()
        responder = router.buildResponder()
    }

    /// A path as OpenAPI writes it; what is left over by a route is its `path`.
    private static func template(of path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { part in
            part == "**" ? "{path}" : part.hasPrefix(":") ? "{\(part.dropFirst())}" : String(part)
        }.joined(separator: "/")
    }

    /// Connections refused because their address held its share already.
    package var refusedConnections: UInt64 { census.refused }

    /// The port that is listened on, as soon as it is.
    package var boundPort: UInt16 {
        get async {
            for await port in running.stream { return port }
            return port
        }
    }

    /// Serves until the task is cancelled or its service group shuts down.
    package func run() async throws {
        let http = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionGate(census)],
            idleTimeout: TimeAmount(limits.idleTimeout),
            httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                maxHeaderFieldSize: limits.maximumHeaderBytes, maxHeaderListSize: limits.maximumHeaderBytes,
                maxHeaderFieldCount: limits.maximumHeaderFields))
        let plain = HTTPServerBuilder.http1(configuration: http)
        let configuration = ApplicationConfiguration(
            address: .hostname(address.description, port: Int(port)),
            availableConnectionsDelegate: MaximumAvailableConnections(limits.maximumConnections, logger: logger))
        let application = Application(
            responder: responder,
            server: try credentials.map { try .tls(plain, tlsConfiguration: $0.serverConfiguration()) } ?? plain,
            configuration: configuration,
            onServerRunning: { [running, logger, address] channel in
                let bound = channel.localAddress?.port.flatMap { UInt16(exactly: $0) } ?? 0
                logger.info("listening", metadata: ["address": "\(address)", "port": "\(bound)"])
                running.continuation.yield(bound)
                running.continuation.finish()
            },
            logger: logger)
        try await application.run()
    }
}
