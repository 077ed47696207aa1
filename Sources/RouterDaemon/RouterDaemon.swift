import Clockwork
import ConfigurationFile
import ControlProtocol
import ControlSocket
import Glibc
import GroupMembership
import KernelMulticast
import LinuxIO
import MRPConfiguration
import MulticastRouting

/// The life of `mrp-router`: start or take over, serve, reload, stop.
///
/// - SIGTERM ends the program. Where a keeper or systemd holds the routing socket, forwarding goes on as it is and
///   neighbours hear nothing, so that a restart or an upgrade loses no packet.
/// - SIGINT ends it for good: neighbours hear a goodbye, the keeper lets go, the kernel's table becomes empty.
/// - SIGHUP reads the configuration file again; an invalid file changes nothing.
package final class RouterDaemon {
    /// Why the router could not start.
    package enum Failure: Error, CustomStringConvertible {
        case invalidConfiguration([String])
        case failed(String)

        package var description: String {
            switch self {
            case .invalidConfiguration(let lines): lines.joined(separator: "\n")
            case .failed(let what): what
            }
        }
    }

    /// How often a keeper is asked whether it still has the routing socket.
    private static let keeperInterval = Duration.seconds(5)

    private let path: String
    private let log: EventLog
    private let loop: EventLoop
    private let shell: RouterShell
    private let kept: KeptSocket
    private let status: ServiceStatus

    /// Reads the file, opens everything and takes over what the kernel has.
    package init(configurationPath path: String) throws(Failure) {
        self.path = path
        let log = EventLog()
        self.log = log
        let (node, controlGroup, configuration, routing) = try Self.load(path)
        do {
            loop = try EventLoop()
            let table = UInt32(clamping: configuration.table)
            kept = KeptSocket(keeperPath: configuration.keeperSocket, table: table, log: log)
            let plane = try Self.takeTable(table, kept)
            kept.store(plane.socket.descriptor)
            shell = try RouterShell(
                configuration: configuration, routing: routing, node: node, plane: plane, loop: loop, log: log)
            shell.control = try RouterControl(
                shell: shell, path: configuration.controlSocket, group: controlGroup,
                clients: configuration.limits.controlConnections)
            status = ServiceStatus(loop: loop)
        } catch let error as Failure {
            throw error
        } catch {
            throw .failed("\(error)")
        }
    }

    /// Serves until a signal ends it.
    package func run() throws(Failure) {
        do throws(SystemError) {
            try loop.onSignals([SIGTERM, SIGINT, SIGHUP]) { [unowned self] in handleSignal($0) }
            try Privileges.keepOnly([.networkAdministration, .rawSockets])
            try shell.start()
            watchKeeper()
            log.write(.info, "started", summary)
            status.ready(summary)
            try loop.run()
        } catch {
            throw .failed("\(error)")
        }
        status.stopping()
        shell.control?.close()
    }

    private var summary: String {
        let origin = shell.plane.isAdopted ? "took over" : "owns"
        let keeping = kept.isHeld ? "held by a keeper too" : "not held by anybody else"
        return "\(origin) multicast routing table \(shell.plane.table), \(keeping); "
            + "\(shell.configuration.interfaces.count) interfaces configured"
    }

    // MARK: Start

    private typealias Loaded = (
        node: String, controlGroup: String?, router: RouterConfiguration, routing: RoutingConfiguration
    )

    private static func load(_ path: String) throws(Failure) -> Loaded {
        let configuration: Configuration
        do throws(ConfigurationProblems) {
            configuration = try ConfigurationFile.load(path: path)
        } catch {
            throw .invalidConfiguration(error.lines)
        }
        guard let router = configuration.router else {
            throw .invalidConfiguration(["\(path): \"router\" is missing: mrp-router reads that section"])
        }
        do throws(MembershipConfigurationError) {
            return (configuration.node, configuration.controlGroup, router, try RoutingConfiguration(router))
        } catch {
            throw .invalidConfiguration(["\(path): router.interfaces: igmp: \(error)"])
        }
    }

    private static func takeTable(_ table: UInt32, _ kept: KeptSocket) throws(Failure) -> ForwardingPlane {
        do throws(SystemError) {
            return try ForwardingPlane(table: table, adopting: kept.fetch())
        } catch {
            switch error.errno {
            case EADDRINUSE:
                throw .failed(
                    "multicast routing table \(table) belongs to another program (mrp-router, pimd, igmpproxy …): "
                        + "stop it, or set router.table")
            case EPERM, EACCES:
                throw .failed("\(error): mrp-router needs CAP_NET_ADMIN and CAP_NET_RAW, as its systemd unit gives it")
            case ENOPROTOOPT:
                throw .failed("\(error): this kernel has no IPv4 multicast routing (CONFIG_IP_MROUTE)")
            default: throw .failed("\(error)")
            }
        }
    }

    private func watchKeeper() {
        guard shell.configuration.keeperSocket != nil else { return }
        var timer: EventLoop.Timer?
        timer = loop.makeTimer { [unowned self] now in
            kept.renew(shell.plane.socket.descriptor)
            if let timer { loop.setDeadline(timer, now + Self.keeperInterval) }
        }
        if let timer { loop.setDeadline(timer, MonotonicClock.now() + Self.keeperInterval) }
    }

    // MARK: Signals

    private func handleSignal(_ number: CInt) {
        switch number {
        case SIGHUP: reload()
        case SIGINT:
            shell.sayGoodbye()
            kept.remove()
            loop.stop()
        default:
            if !kept.isHeld { shell.sayGoodbye() }
            loop.stop()
        }
    }

    private func reload() {
        status.reloading()
        defer { status.ready(summary) }
        do throws(Failure) {
            let (_, _, configuration, routing) = try Self.load(path)
            for name in shell.configuration.needingRestart(for: configuration) {
                log.write(.warning, "restart-needed", "router.\(name) takes effect with the next start")
            }
            shell.adopt(configuration, routing)
            log.write(.info, "reloaded", path)
        } catch {
            shell.counters.refusedReloads &+= 1
            log.write(.error, "reload-refused", "the old configuration stays: \(error)")
        }
    }
}

extension RouterConfiguration {
    /// What a running router cannot change.
    fileprivate func needingRestart(for new: RouterConfiguration) -> [String] {
        var names: [String] = []
        if new.table != table { names.append("table") }
        if new.controlSocket != controlSocket { names.append("control-socket") }
        if new.keeperSocket != keeperSocket { names.append("keeper-socket") }
        if new.limits.controlConnections != limits.controlConnections { names.append("limits.control-connections") }
        return names
    }
}
