import ArgumentParser
import OperatorConsole

struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Prints what happens as it happens, until it is interrupted.",
        discussion: "The router's topics: memberships, routes, neighbors, interfaces, owners. Without any: everything.")

    @Argument(help: "Topics to follow.")
    var topics: [String] = []

    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let (isJSON, terminal) = (output.json, output.terminal)
        let watch = try EventWatch { json in
            StandardOutput.print(isJSON ? json : EventPrinter.line(json, on: terminal))
        }
        try watch.run(topics: topics, endpoints: sockets.directory().endpoints)
    }
}
