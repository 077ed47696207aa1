import ArgumentParser
import ConfigurationFile
import Glibc
import LinuxIO
import MRPConfiguration
import RouterDaemon

struct RouterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-router",
        abstract: "Multicast router: IGMP querier, PIM (S,G), admission by subscriber, forwarding by the kernel.",
        discussion: """
            Needs CAP_NET_ADMIN and CAP_NET_RAW. SIGHUP reads the configuration again; SIGTERM stops and, where a keeper \
            holds the routing socket, lets the kernel forward on; SIGINT stops for good.
            Exit codes: 0 ok, 1 failed, 2 usage, 6 configuration invalid.
            """,
        version: "mrp-router \(ProgramVersion.current)")

    @Option(name: .shortAndLong, help: "The configuration file.", completion: .file(extensions: ["yaml"]))
    var config = ConfigurationFile.defaultPath

    @Flag(name: .long, help: "Check the configuration file and exit.")
    var check = false

    /// The exit code.
    func execute() -> Int32 {
        if check { return report(ConfigurationCheck(path: config)) }
        Privileges.ignoreBrokenPipes()
        do throws(RouterDaemon.Failure) {
            try RouterDaemon(configurationPath: config).run()
            return 0
        } catch {
            printError("mrp-router: \(error)")
            if case .invalidConfiguration = error { return ConfigurationCheck.invalidExitCode }
            return 1
        }
    }

    private func report(_ result: ConfigurationCheck) -> Int32 {
        for line in result.lines {
            if result.isValid { print(line) } else { printError(line) }
        }
        return result.exitCode
    }

    private func printError(_ line: String) {
        _ = Array((line + "\n").utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static let usageExitCode: Int32 = 2
}

do {
    let command = try RouterCommand.parse()
    exit(command.execute())
} catch {
    let isHelp = RouterCommand.exitCode(for: error) == .success
    let message = RouterCommand.fullMessage(for: error)
    if isHelp {
        print(message)
    } else {
        _ = Array((message + "\n").utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
    exit(isHelp ? 0 : RouterCommand.usageExitCode)
}
