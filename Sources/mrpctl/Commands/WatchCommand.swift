import ArgumentParser
import OperatorConsole

extension WatchTopic: ExpressibleByArgument {}

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Prints what happens as it happens, until it is interrupted.",
        discussion: """
            Without a topic: everything. The router tells of memberships, routes, neighbors, interfaces and owners, the \
            roles of channels, subscribers, sessions and feeds.
            """)

    @Argument(help: "Topics to follow.")
    var topics: [WatchTopic] = []

    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let (isJSON, terminal) = (output.json, output.terminal)
        let watch = try EventWatch { json in
            StandardOutput.print(isJSON ? json : EventPrinter.line(json, on: terminal))
        }
        try watch.run(topics: topics.map(\.rawValue), endpoints: sockets.directory().endpoints)
    }
}
