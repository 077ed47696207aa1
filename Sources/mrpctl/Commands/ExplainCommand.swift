import ArgumentParser
import JSONCoding
import OperatorConsole

extension ExplainTarget: ExpressibleByArgument {
    package init?(argument: String) { self.init(text: argument) }
}

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Says why a subscriber does or does not receive a channel.",
        discussion: """
            Walks from entitlement to packet and names the first step that fails, with what to do next. Steps that this \
            host cannot see are marked "?", with where to look. Exit code 1 when a step fails.
            """)

    @Argument(help: "The subscriber's name.", completion: .custom(LiveNames.subscribers))
    var subscriber: String

    @Argument(help: "A channel as provider/channel, or a tree as (S,G).", completion: .custom(LiveNames.channels))
    var channel: ExplainTarget

    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let explanation = try Explanation.gather(
            subscriber: subscriber, target: channel, in: sockets.directory())
        if output.json {
            StandardOutput.print(try JSONText.encode(explanation))
        } else {
            for line in ExplanationPrinter.lines(explanation, on: output.terminal) { StandardOutput.print(line) }
        }
        if explanation.firstFailure != nil { throw ArgumentParser.ExitCode(OperatorConsole.ExitCode.failed.rawValue) }
    }
}
