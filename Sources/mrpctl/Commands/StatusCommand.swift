import ArgumentParser
import ControlProtocol
import JSONCoding
import OperatorConsole

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Says which programs answer here, and what can be asked of them.")

    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    /// One program that answered.
    private struct Row: Encodable {
        var element: Element
        var node: String
        var socket: String
        var topics: [String]
    }

    private struct Document: Encodable {
        var schema = "mrp.status/1"
        var elements: [Row]
        var failures: [String]
    }

    func run() throws {
        let directory = try sockets.directory()
        let rows = directory.endpoints.map { endpoint in
            Row(
                element: endpoint.description.element, node: endpoint.description.node, socket: endpoint.path,
                topics: endpoint.description.topics)
        }
        let failures = directory.failures.flatMap(\.lines)
        if output.json {
            try StandardOutput.print(JSONText.encode(Document(elements: rows, failures: failures)))
            return
        }
        var table = Table([.init("element"), .init("node"), .init("shows", priority: 1), .init("socket", priority: 2)])
        for row in rows {
            table.append([
                Table.Cell(row.element.rawValue), Table.Cell(row.node),
                Table.Cell(row.topics.sorted().joined(separator: " ")), Table.Cell(row.socket),
            ])
        }
        for line in table.lines(on: output.terminal) { StandardOutput.print(line) }
        for line in failures { StandardOutput.printError(line) }
    }
}
