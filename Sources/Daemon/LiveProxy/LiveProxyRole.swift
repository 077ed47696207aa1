import Channels
import ControlProtocol
import ControlSocket
import Credentials
import HTTPEdge
import LinuxIO
import LiveProxy
import Logging
import MRPConfiguration
import ServiceLifecycle

/// The `live-proxy` role: follows its OTT servers, feeds its replication points, sends media.
package final class LiveProxyRole: RoleService {
    package let role = Role.liveProxy
    private let configuration: LiveProxyConfiguration
    private let servers: [String: LiveProxyDriver.Server]
    private let ingest: IngestManager
    private let driver: LiveProxyDriver
    private let listener: EdgeListener
    private let clients: EdgeListener?
    private let control: RoleControlService
    private let routerEvents: AsyncStream<RouterLinkEvent>
    private let router: RouterLink

    package init(_ whole: Configuration, logger: Logger) throws {
        guard let section = whole.liveProxy else { throw StartError.noSection(.liveProxy) }
        configuration = section
        let credentials = try whole.credentials(for: .liveProxy)
        servers = try Self.servers(section, node: whole.node, credentials: credentials)
        let file = StateFile(path: "\(section.state)/state.json")
        let state = try Self.state(in: file, logger: logger)
        let signer = try GrantSigner(file: "\(section.state)/grant-key.pem")
        var settings = LiveProxySettings(section)
        settings.grantKey = signer.key
        let core = LiveProxyCore(
            settings: settings, state: state, life: LifeName.make(), now: MonotonicClock.now())
        ingest = try IngestManager(section, logger: logger)
        let driver = LiveProxyDriver(
            node: whole.node, core: core, servers: servers, ingest: ingest, file: file, signer: signer,
            logger: logger)
        self.driver = driver
        listener = EdgeListener(
            address: section.nodeAddress.address, port: section.nodeAddress.port, credentials: credentials,
            limits: .nodes, logger: logger
        ) { LiveProxyRoutes.add(to: $0, driver: driver) }
        clients = section.clientAddress.map { endpoint in
            EdgeListener(address: endpoint.address, port: endpoint.port, limits: .clients, logger: logger) {
                LiveProxyRoutes.addClients(to: $0, driver: driver)
            }
        }
        control = try openConsole(of: driver, role: role, path: section.controlSocket, group: whole.controlGroup)
        (router, routerEvents) = try openRouter(section.routerSocket, owner: role)
    }

    private static func servers(
        _ section: LiveProxyConfiguration, node: String, credentials: NodeCredentials
    ) throws -> [String: LiveProxyDriver.Server] {
        let registration = ProxyRegistration(
            name: node, prefixes: section.prefixes, address: section.address, httpBase: section.httpBase)
        var servers: [String: LiveProxyDriver.Server] = [:]
        for url in section.ottServers {
            let client = try EdgeClient(base: url, credentials: credentials)
            let feed = LiveProxyDriver.ServerClient(
                client: client, path: "/v1/proxies/\(node)", registration: registration)
            servers[url] = LiveProxyDriver.Server(requests: client, feed: feed)
        }
        return servers
    }

    /// A state that cannot be read is put aside, not trusted: new generations begin where no old one can have been.
    private static func state(in file: StateFile, logger: Logger) throws(StartError) -> LiveProxyState {
        let fresh = LiveProxyState(allocator: AllocatorState(nextGeneration: LifeName.firstGeneration()))
        do throws(StateFile.Failure) {
            try file.prepareFolder()
            guard let stored = try file.read(LiveProxyState.self) else { return fresh }
            guard stored.schema == LiveProxyState.schemaName else {
                throw .unreadable(path: file.path, reason: "its schema is \(stored.schema)")
            }
            return stored
        } catch .unreadable(let path, let reason) {
            logger.error(
                "the state is put aside, and all channels begin anew",
                metadata: ["reason": "state-unreadable", "file": "\(path)", "error": "\(reason)"])
            file.putAside()
            return fresh
        } catch {
            throw .state(path: file.path, "\(error)")
        }
    }

    /// What each listener serves, such as `GET /healthz`.
    package var routes: (clients: [String], nodes: [String]) { (clients?.routes ?? [], listener.routes) }

    package func waitUntilReady() async {
        _ = await listener.boundPort
        _ = await clients?.boundPort
    }

    package func run() async throws {
        await driver.start(router: router, control: control)
        try await withThrowingTaskGroup(of: Void.self) {
            [driver, ingest, listener, clients, servers, routerEvents] group in
            group.addTask { try await listener.run() }
            if let clients { group.addTask { try await clients.run() } }
            group.addTask { await cancelWhenGracefulShutdown { await ingest.watchExit() } }
            group.addTask {
                for await event in routerEvents.cancelOnGracefulShutdown() { await driver.hear(event) }
            }
            for (name, server) in servers {
                group.addTask {
                    await cancelWhenGracefulShutdown {
                        await server.feed.run(
                            position: { await driver.position(of: name) },
                            receive: { await driver.hear($0, of: name) })
                    }
                }
            }
            try await group.waitForAll()
        }
        await driver.stop()
        for server in servers.values { await server.requests.shutdown() }
    }

    package func reload(_ whole: Configuration) -> [String] {
        whole.liveProxy == configuration ? [] : ["live-proxy"]
    }
}

extension LiveProxySettings {
    init(_ section: LiveProxyConfiguration) {
        self.init(
            servers: section.ottServers, source: section.source.address,
            pools: section.pools.map {
                GroupPool(
                    name: $0.name, layout: $0.layout, addressing: $0.addressing, groups: $0.groups,
                    firstPort: $0.firstPort)
            },
            channelPools: section.channelPools,
            storedDescriptions: Dictionary(
                section.mediaDescriptions.map { ($0.channel, $0) }, uniquingKeysWith: { first, _ in first }))
        let repairs = section.pools.compactMap { pool in pool.repair.map { (pool.name, RepairPolicy($0)) } }
        poolRepairs = Dictionary(repairs, uniquingKeysWith: { first, _ in first })
        channelRepairs = section.channelRepairs.mapValues { RepairPolicy($0) }
        idleTimeout = section.idleTimeout
        linger = section.linger
        quarantine = section.quarantine
        replicationPointExpiry = section.replicationPointExpiry
        maximumChannels = section.limits.channels
        maximumAuthorizedSubscribers = section.limits.authorizedSubscribers
        maximumReplicationPoints = section.limits.replicationPoints
    }
}

extension RepairPolicy {
    init(_ section: RepairConfiguration) {
        self.init(fecLatency: section.fec?.latency, fecMatrix: section.fec?.matrix)
    }
}
