import ArgumentParser
import ConfigurationFile
import Daemon
import Glibc
import LinuxIO
import Logging
import MRPConfiguration

/// Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage, 6 wrong configuration.
@main
struct MRPDaemon: AsyncParsableCommand {
    private static let usageExitCode: Int32 = 2

    static func main() async {
        do {
            let command = try parse()
            try await command.run()
        } catch let code as ExitCode {
            Glibc.exit(code.rawValue)
        } catch {
            let message = fullMessage(for: error)
            guard exitCode(for: error) != .success else {
                print(message)
                return
            }
            Program.complain(message)
            Glibc.exit(usageExitCode)
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "mrpd",
        abstract: "OTT server, live proxy and multicast replication point, as the configuration file says.",
        version: "mrpd \(ProgramVersion.current)")

    @Option(name: .shortAndLong, help: "The configuration file.")
    var config = ConfigurationFile.defaultPath

    @Flag(help: "Check the configuration, print what is wrong with it, and exit.")
    var check = false

    @Option(help: "Run only this role of the file; may be repeated: ott-server, live-proxy, replication-point.")
    var role: [String] = []

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    func validate() throws {
        for name in role where Role(rawValue: name) == nil {
            throw ValidationError("there is no role '\(name)'")
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("there is no log level '\(logLevel)'")
        }
    }

    func run() async throws {
        if check { try printCheck() }
        let configuration = try load()
        let roles = try choose(from: configuration)
        Privileges.ignoreBrokenPipes()
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "mrpd")
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
        let path = config
        do {
            let program = try Program(configuration, roles: roles, logger: logger) {
                () throws(ConfigurationProblems) in try ConfigurationFile.load(path: path)
            }
            try await program.run()
        } catch {
            logger.critical("\(error)", metadata: ["reason": "cannot-run"])
            throw ExitCode(1)
        }
    }

    private func printCheck() throws {
        let check = ConfigurationCheck(path: config)
        for line in check.lines { print(line) }
        throw ExitCode(check.exitCode)
    }

    private func load() throws -> Configuration {
        do throws(ConfigurationProblems) {
            return try ConfigurationFile.load(path: config)
        } catch {
            for line in error.lines { Program.complain(line) }
            throw ExitCode(ConfigurationCheck.invalidExitCode)
        }
    }

    private func choose(from configuration: Configuration) throws -> [Role] {
        let wanted = role.compactMap(Role.init(rawValue:))
        for role in wanted where !configuration.roles.contains(role) {
            Program.complain("\(config): has no section \"\(role.rawValue)\"")
            throw ExitCode(ConfigurationCheck.invalidExitCode)
        }
        let roles = wanted.isEmpty ? configuration.roles : configuration.roles.filter(wanted.contains)
        guard !roles.isEmpty else {
            Program.complain("\(config): names no role for mrpd: ott-server, live-proxy or replication-point")
            throw ExitCode(ConfigurationCheck.invalidExitCode)
        }
        return roles
    }
}
