import LinuxIO
import Logging
import MRPConfiguration
import ServiceLifecycle

/// Tells systemd when all roles serve, that they still do, and that they are about to stop (sd_notify(3)).
struct Readiness: Service {
    let roles: [any RoleService]
    let logger: Logger

    func run() async throws {
        for role in roles { await role.waitUntilReady() }
        let names = roles.map(\.role.rawValue).joined(separator: ", ")
        logger.info("ready", metadata: ["roles": "\(names)"])
        tell("READY=1", "STATUS=\(names)")
        await cancelWhenGracefulShutdown {
            let interval = ServiceManager.watchdogTimeout().map { $0 / 2 } ?? .seconds(3_600)
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                tell("WATCHDOG=1")
            }
        }
        tell("STOPPING=1")
    }

    private func tell(_ assignments: String...) {
        do throws(SystemError) {
            guard let manager = try ServiceManager() else { return }
            for assignment in assignments { try manager.notify(assignment) }
        } catch {
            logger.warning("systemd cannot be told", metadata: ["reason": "notify-failed", "error": "\(error)"])
        }
    }
}
