import ControlProtocol
import ControlSocket
import HTTPEdge
import Hummingbird
import LinuxIO
import Logging
import MRPConfiguration
import ReplicationPoint
import ServiceLifecycle

/// The `replication-point` role: follows its live proxy and drives the router on this host.
package final class ReplicationPointRole: RoleService {
    package let role = Role.replicationPoint
    private let configuration: ReplicationPointConfiguration
    private let client: EdgeClient
    private let proxy: ReplicationPointDriver.ProxyClient
    private let driver: ReplicationPointDriver
    private let control: RoleControlService
    private let routerEvents: AsyncStream<RouterLinkEvent>
    private let router: RouterLink
    /// Nil where no `client-address` is configured.
    private let unicast: UnicastService?

    package init(_ whole: Configuration, logger: Logger) throws {
        guard let section = whole.replicationPoint else { throw StartError.noSection(.replicationPoint) }
        configuration = section
        let credentials = try whole.credentials(for: .replicationPoint)
        client = try EdgeClient(base: section.liveProxy, credentials: credentials)
        let registration = ReplicationPointRegistration(
            name: whole.node, prefixes: section.prefixes, httpBase: section.httpBase)
        proxy = FeedClient(
            client: client, path: "/v1/replication-points/\(whole.node)", registration: registration)
        var settings = ReplicationPointSettings(registration: registration)
        settings.maximumChannels = section.limits.channels
        settings.maximumAuthorizedSubscribers = section.limits.authorizedSubscribers
        settings.maximumSessions = section.unicast.maximumViewers
        settings.maximumSessionsPerSubscriber = section.unicast.sessionsPerSubscriber
        settings.sessionIdleTimeout = section.unicast.sessionTimeout
        settings.linger = section.unicast.linger
        settings.holdsAllRenditions = section.unicast.hlsRenditions == .all
        let core = ReplicationPointCore(
            settings: settings, life: LifeName.make(), now: MonotonicClock.now(), wallNow: WallClock.now())
        driver = ReplicationPointDriver(core: core, proxy: proxy, requests: client, logger: logger)
        control = try openConsole(of: driver, role: role, path: section.controlSocket, group: whole.controlGroup)
        let (link, events) = try openRouter(section.routerSocket, owner: role)
        (router, routerEvents) = (link, events)
        unicast = try section.clientAddress.map { [driver] address in
            try UnicastService(section, at: address, admission: driver, router: link, logger: logger) {
                ReplicationPointRoutes.addClients(to: $0, driver: driver)
            }
        }
    }

    /// Adds what clients ask of the control plane to a listener of theirs.
    package func addClientRoutes(to router: Router<EdgeContext>) {
        ReplicationPointRoutes.addClients(to: router, driver: driver)
    }

    /// Whom the data path asks.
    package var admission: any ViewerAdmission { driver }

    /// Where unicast viewers are served, for a configuration that leaves the port to the system.
    package var clientPort: UInt16? {
        get async { await unicast?.boundPort }
    }

    /// What clients are served, such as `GET /burst/{provider}/{channel}/{rendition}`.
    package var clientRoutes: [String] { unicast?.routes ?? [] }

    package func waitUntilReady() async { _ = await clientPort }

    package func run() async throws {
        await driver.attach(router: router, control: control)
        if let unicast { await driver.attach(delivery: unicast) }
        try await withThrowingTaskGroup(of: Void.self) { [driver, proxy, routerEvents, unicast] group in
            group.addTask {
                for await event in routerEvents.cancelOnGracefulShutdown() {
                    unicast?.hear(event)
                    await driver.hear(event)
                }
            }
            if let unicast { group.addTask { try await unicast.run() } }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    await proxy.run(position: { await driver.position }, receive: { await driver.hear($0) })
                }
            }
            try await group.waitForAll()
        }
        await driver.detach()
        await client.shutdown()
    }

    package func reload(_ whole: Configuration) -> [String] {
        whole.replicationPoint == configuration ? [] : ["replication-point"]
    }
}
