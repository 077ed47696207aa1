import Foundation

/// What a demo promised, line by line, and whether it held.
struct Verdict: Codable {
    struct Line: Codable {
        var name: String
        var holds: Bool
        var detail: String
    }

    private(set) var lines: [Line] = []

    var holds: Bool { !lines.isEmpty && lines.allSatisfy(\.holds) }

    mutating func expect(_ name: String, _ holds: Bool, _ detail: String) {
        lines.append(Line(name: name, holds: holds, detail: detail))
        let indent = "         "
        let lines = Terminal.wrap("\(name): \(detail)", width: Terminal.width - indent.count)
        Terminal.line(
            "  \(holds ? Terminal.green("holds") : Terminal.red("FAILS"))  \(lines.joined(separator: "\n" + indent))")
    }

    func write(to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        struct Document: Encodable {
            var schema = "mrp.verdict/1"
            var holds: Bool
            var lines: [Line]
        }
        try encoder.encode(Document(holds: holds, lines: lines)).write(to: URL(fileURLWithPath: file))
    }
}
