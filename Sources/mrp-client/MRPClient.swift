import ArgumentParser

/// The viewer's end: asks to join, receives, hands clean MPEG-TS on.
@main
struct MRPClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-client", abstract: "Watches a channel that is sent by multicast.",
        subcommands: [PlayCommand.self, ChannelsCommand.self])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as ClientFailure {
            StandardError.print("mrp-client: \(failure.message)")
            if let hint = failure.hint { StandardError.print("  \(hint)") }
            exit(withError: ArgumentParser.ExitCode(failure.exitCode.rawValue))
        } catch {
            exit(withError: error)
        }
    }
}
