import ArgumentParser
import ConfigurationFile
import ControlSocket
import LinuxIO
import MRPConfiguration
import OperatorConsole

/// Where the programs are and how to print; the same for every command.
struct SocketOptions: ParsableArguments {
    @Option(name: .long, help: "A control socket to talk to; may be repeated.", completion: .file())
    var socket: [String] = []

    @Option(name: .long, help: "Talk to the programs that this configuration file describes.", completion: .file())
    var config: String?

    func directory() throws -> ControlDirectory {
        try ControlDirectory(paths: paths())
    }

    private func paths() throws -> [String]? {
        if !socket.isEmpty { return socket }
        guard let config else { return nil }
        do throws(ConfigurationProblems) {
            return try ConfigurationFile.load(path: config).controlSockets
        } catch {
            throw ConsoleError(.configurationInvalid, error.lines.joined(separator: "\n"))
        }
    }
}

struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "One JSON document a line for each program that answers.")
    var json = false

    @Flag(name: .customLong("no-color"), help: "No colours, also on a terminal (as NO_COLOR does).")
    var noColour = false

    var terminal: Terminal {
        var terminal = Terminal.standardOutput(environment: Self.environment)
        if noColour { terminal.hasColour = false }
        return terminal
    }

    private static func environment(_ name: String) -> String? { ServiceManager.environment(name) }
}

extension Configuration {
    /// The control sockets of everything the file describes.
    var controlSockets: [String] {
        [
            router?.controlSocket, ottServer?.controlSocket, liveProxy?.controlSocket,
            replicationPoint?.controlSocket,
        ].compactMap { $0 }
    }
}
