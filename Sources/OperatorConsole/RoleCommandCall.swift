import ControlProtocol

/// A command to the one role on this host that performs it.
package struct RoleCommandCall: Sendable {
    package var command: RoleCommand
    /// The JSON text of the command's argument type.
    package var arguments: String

    package init(_ command: RoleCommand, arguments: String) {
        self.command = command
        self.arguments = arguments
    }

    /// The answer's document.
    package func perform(in directory: ControlDirectory) throws(ConsoleError) -> String {
        let performers = directory.endpoints(performing: command.rawValue)
        guard let performer = performers.first else {
            throw ConsoleError(
                .notReachable, "nobody here performs \(command.rawValue)",
                hint: "Run it on the OTT server's host, or name its socket: --socket PATH.")
        }
        guard performers.count == 1 else {
            let paths = performers.map(\.path).joined(separator: ", ")
            throw ConsoleError(
                .usage, "\(performers.count) programs perform \(command.rawValue)",
                hint: "Name one of them with --socket: \(paths).")
        }
        return try RoleConversation(path: performer.path).document(
            .command(name: command.rawValue, arguments: arguments))
    }
}
