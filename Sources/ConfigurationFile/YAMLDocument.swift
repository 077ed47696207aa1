import MRPConfiguration
import Yams

/// YAML text as a `DocumentNode`, with every duplicate key reported instead of the first alone.
enum YAMLDocument {
    static let maximumNodes = 200_000
    /// The text is composed once more for each.
    static let maximumDuplicates = 20
    /// The composer recurses once a level, and one line can open a level a character.
    static let maximumLineLength = 4_096
    static let maximumDepth = 32

    /// The document, unless the text is not YAML at all, and what is wrong with it.
    static func compose(_ text: String) -> (DocumentNode?, [ConfigurationProblem]) {
        if let problem = longLine(in: text) { return (nil, [problem]) }
        var text = text
        var duplicates: [SourcePosition: String] = [:]
        while true {
            do {
                let root = try Yams.compose(yaml: text)
                var reader = NodeReader(duplicates: duplicates)
                let node = root.map { reader.read($0, depth: 0) }
                let start = SourcePosition(line: 1, column: 1)
                return (node ?? DocumentNode(position: start, content: .empty), reader.problems)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let position = SourcePosition(context.mark)
                guard duplicates.count < maximumDuplicates,
                    let masked = masking(position, in: text, number: duplicates.count)
                else {
                    let rest = duplicates.isEmpty ? "" : ", as do \(duplicates.count) others"
                    return (nil, [problem("the key \"\(keys.first ?? "")\" appears twice\(rest)", at: position)])
                }
                duplicates[position] = keys.first ?? ""
                text = masked
            } catch {
                return (nil, [problem(of: error)])
            }
        }
    }

    private static func longLine(in text: String) -> ConfigurationProblem? {
        var line = 1
        for content in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if content.count > maximumLineLength {
                return problem(
                    "the line is longer than \(maximumLineLength) bytes", at: SourcePosition(line: line, column: 1))
            }
            line += 1
        }
        return nil
    }

    /// The composer stops at the first duplicate. Its first letters become a character nobody writes, so that the next
    /// attempt finds the next one; positions stay as they are.
    private static func masking(_ position: SourcePosition, in text: String, number: Int) -> String? {
        guard let mask = Unicode.Scalar(0xE000 + UInt32(number)) else { return nil }
        var line = 1
        var column = 1
        var scalars = Array(text.unicodeScalars)
        for index in scalars.indices {
            if line == position.line, column == position.column {
                let isQuoted = scalars[index] == "\"" || scalars[index] == "'"
                let target = isQuoted ? index + 1 : index
                guard target < scalars.count else { return nil }
                scalars[target] = mask
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars)
                return String(view)
            }
            column += 1
            if scalars[index] == "\n" {
                line += 1
                column = 1
            }
        }
        return nil
    }

    private static func problem(_ message: String, at position: SourcePosition) -> ConfigurationProblem {
        ConfigurationProblem(position: position, message: message)
    }

    private static func problem(of error: any Error) -> ConfigurationProblem {
        switch error {
        case YamlError.scanner(_, let text, let mark, _), YamlError.parser(_, let text, let mark, _),
            YamlError.composer(_, let text, let mark, _):
            return problem("not valid YAML: \(text)", at: SourcePosition(mark))
        case YamlError.reader(let text, _, _, _):
            return problem("not valid YAML: \(text)", at: SourcePosition(line: 1, column: 1))
        default:
            return problem("not valid YAML", at: SourcePosition(line: 1, column: 1))
        }
    }
}

extension SourcePosition {
    init(_ mark: Mark) {
        self.init(line: mark.line, column: mark.column)
    }
}

/// Turns the library's nodes into ours, bounded in number and depth: aliases can make much of little.
private struct NodeReader {
    let duplicates: [SourcePosition: String]
    private(set) var problems: [ConfigurationProblem] = []
    private var count = 0

    init(duplicates: [SourcePosition: String]) {
        self.duplicates = duplicates
    }

    mutating func read(_ node: Node, depth: Int) -> DocumentNode {
        let position = node.mark.map(SourcePosition.init) ?? SourcePosition(line: 1, column: 1)
        count += 1
        guard count <= YAMLDocument.maximumNodes, depth <= YAMLDocument.maximumDepth else {
            if problems.last?.message != Self.tooMuch {
                problems.append(ConfigurationProblem(position: position, message: Self.tooMuch))
            }
            return DocumentNode(position: position, content: .empty)
        }
        return DocumentNode(position: position, content: content(of: node, depth: depth))
    }

    private static let tooMuch =
        "more than \(YAMLDocument.maximumNodes) values or nested deeper than \(YAMLDocument.maximumDepth)"

    private mutating func content(of node: Node, depth: Int) -> DocumentNode.Content {
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            return isPlain && ["", "~", "null"].contains(scalar.string) ? .empty : .scalar(scalar.string)
        case .sequence(let sequence):
            return .sequence(sequence.map { read($0, depth: depth + 1) })
        case .mapping(let mapping):
            return .mapping(entries(of: mapping, depth: depth))
        case .alias:
            return .empty
        }
    }

    private mutating func entries(of mapping: Node.Mapping, depth: Int) -> [DocumentNode.Entry] {
        var firsts: [String: SourcePosition] = [:]
        var entries: [DocumentNode.Entry] = []
        for (key, value) in mapping {
            let position = key.mark.map(SourcePosition.init) ?? SourcePosition(line: 1, column: 1)
            if let name = duplicates[position] {
                // A masked first occurrence: the last one is what is read.
                firsts[name] = firsts[name] ?? position
                continue
            }
            guard case .scalar(let scalar) = key else {
                problems.append(ConfigurationProblem(position: position, message: "a key must be a word"))
                continue
            }
            if let first = firsts[scalar.string] {
                let message = "the key \"\(scalar.string)\" appears twice, first at \(first)"
                problems.append(ConfigurationProblem(position: position, message: message))
            }
            entries.append(
                DocumentNode.Entry(key: scalar.string, position: position, value: read(value, depth: depth + 1)))
        }
        return entries
    }
}
