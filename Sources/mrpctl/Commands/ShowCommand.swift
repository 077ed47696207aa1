import ArgumentParser
import ControlProtocol
import LinuxIO
import OperatorConsole

extension ShowTopic: ExpressibleByArgument {}

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows state: groups, subscribers, channels, interfaces, …",
        discussion: "With several programs that know the topic, each has its own table or JSON line.")

    @Argument(help: "What to show.")
    var topic: ShowTopic

    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    func run() throws { try show(topic, sockets, output) }
}

/// Prints a topic as everybody who knows it tells it.
func show(_ topic: ShowTopic, _ sockets: SocketOptions, _ output: OutputOptions) throws {
    let documents = try topic.documents(in: sockets.directory())
    if output.json { return documents.forEach { StandardOutput.print($0.json) } }
    let terminal = output.terminal
    for document in documents {
        if documents.count > 1 {
            let title = "\(document.element.element.rawValue) \(document.element.node)"
            StandardOutput.print(terminal.styled("— \(title)".printable, .heading))
        }
        for line in try document.lines(on: terminal, now: WallClock.now()) { StandardOutput.print(line) }
    }
}
