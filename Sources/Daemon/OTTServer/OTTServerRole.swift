import Authorization
import CatalogueStore
import ControlProtocol
import ControlSocket
import Credentials
import FoundationEssentials
import HTTPEdge
import LinuxIO
import Logging
import MRPConfiguration
import OTTServer
import ServiceLifecycle

/// The `ott-server` role: clients on a plain listener, nodes on a mutual TLS listener, memory in SQLite.
package final class OTTServerRole: RoleService {
    package let role = Role.ottServer
    private let configuration: OTTServerConfiguration
    private let driver: OTTServerDriver
    private let clients: EdgeListener
    private let nodes: EdgeListener
    private let control: RoleControlService

    package init(_ whole: Configuration, logger: Logger) throws {
        guard let section = whole.ottServer else { throw StartError.noSection(.ottServer) }
        configuration = section
        let credentials = try whole.credentials(for: .ottServer)
        let verifier = try TokenVerifier(
            publicKey: CredentialFile.read(section.tokens.publicKey, as: .shared),
            settings: TokenVerifier.Settings(section.tokens))
        let store = try CatalogueStore(path: section.database)
        let boot = BootIdentifier.current
        let core = OTTServerCore(
            settings: OTTServerSettings(section), catalogue: section.channels.map(\.description),
            stored: try store.proxies(boot: boot, newEpoch: LifeName.make), seed: UInt64.random(in: .min ... .max),
            now: MonotonicClock.now(), wallNow: WallClock.now())
        let driver = OTTServerDriver(
            node: whole.node, core: core, store: store, verifier: verifier, boot: boot, logger: logger)
        self.driver = driver
        clients = EdgeListener(
            address: section.clientAddress.address, port: section.clientAddress.port, limits: .clients, logger: logger
        ) {
            OTTServerRoutes.addClients(to: $0, driver: driver, content: section.content.map(ContentFolder.init(root:)))
        }
        nodes = EdgeListener(
            address: section.nodeAddress.address, port: section.nodeAddress.port, credentials: credentials,
            limits: .nodes, logger: logger
        ) { OTTServerRoutes.addNodes(to: $0, driver: driver) }
        control = try openConsole(of: driver, role: role, path: section.controlSocket, group: whole.controlGroup)
    }

    /// The ports in use, for a configuration that leaves them to the system.
    package var ports: (clients: UInt16, nodes: UInt16) {
        get async { (await clients.boundPort, await nodes.boundPort) }
    }

    /// What each listener serves, such as `GET /healthz`.
    package var routes: (clients: [String], nodes: [String]) { (clients.routes, nodes.routes) }

    package func waitUntilReady() async {
        _ = await ports
    }

    package func run() async throws {
        await driver.start(control: control)
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { [clients, nodes] group in
                group.addTask { try await clients.run() }
                group.addTask { try await nodes.run() }
                try await group.waitForAll()
            }
        } onGracefulShutdown: { [driver] in
            Task { await driver.refuseWaitingJoins() }
        }
        await driver.stop()
    }

    /// The catalogue follows at once; the rest needs a restart.
    package func reload(_ whole: Configuration) async -> [String] {
        guard var section = whole.ottServer else { return ["ott-server"] }
        await driver.replaceCatalogue(section.channels.map(\.description))
        section.channels = configuration.channels
        return section == configuration ? [] : ["ott-server"]
    }
}

extension OTTServerSettings {
    init(_ section: OTTServerConfiguration) {
        self.init()
        joinDeadline = section.joinDeadline
        proxyKeepAlive = section.proxyExpiry
        policy = AuthorizationPolicy(lifetime: section.authorizationLifetime)
        for channel in section.channels {
            preallocatedChannels[channel.description.channel] = channel.preallocate
        }
    }
}

extension TokenVerifier.Settings {
    init(_ section: TokenConfiguration) {
        let algorithm: TokenAlgorithm =
            switch section.algorithm {
            case .es256: .es256
            case .edDSA: .edDSA
            }
        self.init(algorithm: algorithm, issuer: section.issuer, audience: section.audience)
    }
}

/// Names the time since this host started; what an earlier one left on the disk may lack its end.
enum BootIdentifier {
    static var current: String {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        // Where the kernel does not say, nothing is taken for continued.
        return text.map { $0.split(whereSeparator: \.isWhitespace).joined() } ?? LifeName.make()
    }
}
