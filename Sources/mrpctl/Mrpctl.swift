import ArgumentParser
import MRPConfiguration
import OperatorConsole

/// The operator's tool. Every subcommand is listed here and nowhere else.
struct Mrpctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrpctl",
        abstract: "Shows, explains and commands the multicast replication system on this host.",
        discussion: """
            Sockets are found in /run/mrp, by --config FILE, or by --socket PATH.
            Exit codes: 0 ok, 1 failed, 2 usage, 3 not reachable, 4 not found, 5 denied, 6 configuration invalid.
            """,
        version: "mrpctl \(ProgramVersion.current)",
        subcommands: [
            StatusCommand.self, ShowCommand.self, WatchCommand.self, ExplainCommand.self, ChannelCommand.self,
            SubscriberCommand.self,
            EntitleCommand.self, RevokeCommand.self,
        ] + edgeCommands)

    /// Runs the tool and answers its exit code.
    static func run(_ arguments: [String]) -> Int32 {
        do {
            var command = try parseAsRoot(arguments)
            try command.run()
            return OperatorConsole.ExitCode.ok.rawValue
        } catch let error as ConsoleError {
            for line in error.lines { StandardOutput.printError(line) }
            return error.exit.rawValue
        } catch let code as ArgumentParser.ExitCode {
            return code.rawValue
        } catch {
            let isHelp = exitCode(for: error) == .success
            let message = fullMessage(for: error)
            if isHelp {
                StandardOutput.print(message)
                return OperatorConsole.ExitCode.ok.rawValue
            }
            StandardOutput.printError(message)
            return OperatorConsole.ExitCode.usage.rawValue
        }
    }
}
