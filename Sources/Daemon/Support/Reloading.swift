import Logging
import MRPConfiguration
import ServiceLifecycle
import UnixSignals

/// Reads the configuration again on SIGHUP. A file with problems changes nothing.
struct Reloading: Service {
    let roles: [any RoleService]
    let logger: Logger
    let read: @Sendable () throws(ConfigurationProblems) -> Configuration

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { await reload() }
    }

    private func reload() async {
        do throws(ConfigurationProblems) {
            let configuration = try read()
            var left: [String] = []
            for role in roles { left += await role.reload(configuration) }
            if left.isEmpty {
                logger.notice("configuration reloaded")
            } else {
                logger.warning(
                    "configuration reloaded; some changes wait for a restart",
                    metadata: ["reason": "needs-restart", "keys": "\(left.joined(separator: ", "))"])
            }
        } catch {
            for line in error.lines { logger.error("\(line)", metadata: ["reason": "configuration-invalid"]) }
        }
    }
}
