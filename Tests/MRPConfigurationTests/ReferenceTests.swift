import Clockwork
import ConfigurationFile
import Foundation
import MRPConfiguration
import Testing

/// `deploy/examples/reference.yaml` says of every key what it may be; here each line is held against the parser.
@Suite struct ReferenceTests {
    /// A line with a key of its own: `  key: value  # mark; LOW to HIGH; meaning`.
    struct Line {
        var number: Int
        var indent: Int
        var isListItem: Bool
        var key: String
        var value: String
        var mark: String
        /// What stands behind the mark, up to each semicolon.
        var facts: [String]

        var range: (low: String, high: String)? {
            for fact in facts {
                let words = fact.split(separator: " ").map(String.init)
                if words.count == 3, words[1] == "to", words[0].first?.isNumber == true { return (words[0], words[2]) }
            }
            return nil
        }
    }

    private let texts: [String]
    private let lines: [Line]

    init() throws {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let file = folder.joined(separator: "/") + "/deploy/examples/reference.yaml"
        texts = try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "\n")
        lines = texts.enumerated().compactMap { Self.line($0.element, number: $0.offset) }
    }

    private static func line(_ text: String, number: Int) -> Line? {
        let dash = text.range(of: "- ").flatMap { text[..<$0.lowerBound].allSatisfy { $0 == " " } ? $0 : nil }
        let body =
            dash.map {
                String(repeating: " ", count: text.distance(from: text.startIndex, to: $0.upperBound))
                    + text[$0.upperBound...]
            } ?? text
        let indent = body.prefix { $0 == " " }.count
        let rest = body.dropFirst(indent)
        guard !rest.hasPrefix("#"), let colon = rest.firstIndex(of: ":") else { return nil }
        let after = rest[rest.index(after: colon)...]
        let comment = after.range(of: "# ").map { String(after[$0.upperBound...]) } ?? ""
        let value = (after.range(of: "# ").map { after[..<$0.lowerBound] } ?? after).trimmingCharacters(
            in: .whitespaces)
        let facts = comment.components(separatedBy: "; ")
        return Line(
            number: number, indent: indent, isListItem: dash != nil, key: String(rest[..<colon]), value: value,
            mark: facts[0], facts: Array(facts.dropFirst()))
    }

    private func text(replacing line: Line, with replacement: String?) -> String {
        var changed = texts
        if let replacement {
            let start = String(repeating: " ", count: max(0, line.indent - (line.isListItem ? 2 : 0)))
            changed[line.number] = "\(start)\(line.isListItem ? "- " : "")\(line.key): \(replacement)"
        } else {
            changed.remove(at: line.number)
        }
        return changed.joined(separator: "\n")
    }

    private func problems(replacing line: Line, with replacement: String?) -> [String] {
        do {
            _ = try ConfigurationFile.parse(text(replacing: line, with: replacement), file: "f")
            return []
        } catch {
            return error.lines
        }
    }

    @Test func `every key the parser knows is there`() throws {
        let text = texts.joined(separator: "\n")
        _ = try ConfigurationFile.parse(text, file: "reference.yaml")
        let understood = Set(ConfigurationFile.understoodKeys(in: text).compactMap { $0.split(separator: ".").last })
        #expect(understood.subtracting(lines.map { Substring($0.key) }) == [])
        // By its full name, too: a key of the same word elsewhere does not count.
        #expect(ConfigurationFile.understoodKeys(in: text).subtracting(writtenKeys()) == Self.leftOut)
    }

    /// An interface is of one of three kinds: the reference shows each key where it may stand.
    private static let leftOut: Set<String> = [
        "router.interfaces.viewers0.source", "router.interfaces.mrp-source.igmp", "router.interfaces.mrp-source.pim",
        "router.interfaces.mrp-source.admission", "router.interfaces.viewers0.delivery",
        "router.interfaces.mrp-source.delivery", "router.interfaces.mrp-delivery.igmp",
        "router.interfaces.mrp-delivery.pim", "router.interfaces.mrp-delivery.source",
        "router.interfaces.mrp-delivery.admission",
    ]

    /// The dotted names of the file's keys, as its indentation gives them.
    private func writtenKeys() -> Set<String> {
        var path: [(indent: Int, key: String)] = []
        var written: Set<String> = []
        for line in lines {
            path.removeAll { $0.indent >= line.indent }
            // Each list of sections has one element.
            if line.isListItem, let parent = path.popLast() {
                path.append((parent.indent, parent.key.hasSuffix("[0]") ? parent.key : parent.key + "[0]"))
            }
            path.append((line.indent, line.key))
            written.insert(path.map(\.key).joined(separator: "."))
        }
        return written
    }

    @Test func `every default is what a file without the key gets`() throws {
        let whole = try ConfigurationFile.parse(texts.joined(separator: "\n"), file: "f")
        let defaults = lines.filter { $0.mark == "default" }
        #expect(defaults.count > 70)
        for line in defaults {
            let without = try ConfigurationFile.parse(text(replacing: line, with: nil), file: "f")
            #expect(without == whole, "\(line.number + 1): \(line.key)")
        }
    }

    @Test func `every required key is missed, and no optional one`() {
        for line in lines where !line.value.isEmpty && !line.isListItem {
            let found = problems(replacing: line, with: nil)
            if line.mark == "required" {
                #expect(
                    found.contains { $0.contains("missing") && $0.contains(line.key) }, "\(line.number + 1): \(found)")
            } else if line.mark == "optional", line.key != "source", line.key != "delivery" {
                #expect(found == [], "\(line.number + 1): \(line.key)")
            }
        }
    }

    @Test func `every range is the parser's, to the last number`() {
        let ranged = lines.filter { $0.range != nil && !$0.value.isEmpty }
        #expect(ranged.count > 50)
        for line in ranged {
            guard let range = line.range else { continue }
            for value in [range.low, range.high] {
                #expect(!isRefused(value, for: line), "\(line.number + 1): \(value)")
            }
            for value in [Self.step(range.low, by: -1), Self.step(range.high, by: 1)] {
                guard let value else { continue }
                #expect(isRefused(value, for: line), "\(line.number + 1): \(value) is taken")
            }
        }
    }

    private func isRefused(_ value: String, for line: Line) -> Bool {
        problems(replacing: line, with: value).contains { $0.hasSuffix("not \"\(value)\"") }
    }

    /// The number next to `text` in its own unit, with the even ones for an even key's sake two away; nil below zero.
    private static func step(_ text: String, by step: Int) -> String? {
        let digits = text.prefix { $0.isNumber }
        guard let number = Int(digits) else { return nil }
        let unit = text.dropFirst(digits.count)
        if unit.isEmpty { return "\(number + 2 * step)" }
        return number + step < 0 ? nil : "\(number + step)\(unit)"
    }
}
