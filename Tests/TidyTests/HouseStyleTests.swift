import Foundation
import Testing

/// Rules of CONTRIBUTING.md that a reader should not have to check by eye.
@Suite struct HouseStyleTests {
    struct Ban: CustomTestStringConvertible {
        var pattern: String
        var reason: String
        /// Whether it holds for the pure layers only.
        var pureOnly = false
        var testDescription: String { pattern }
    }

    static let bans = [
        Ban(pattern: #"\bDate\(\)|ContinuousClock|SuspendingClock"#, reason: "a core is handed `now`", pureOnly: true),
        Ban(pattern: #"\bTask\b *[({]|Task\.(sleep|detached)"#, reason: "a core starts no task", pureOnly: true),
        Ban(pattern: #"\.random\(in:(?![^\n]*using:)"#, reason: "chance needs a seed", pureOnly: true),
        Ban(pattern: #"\bprint\("#, reason: "a core has no output", pureOnly: true),
        Ban(pattern: #"\bfatalError\("#, reason: "refuse input, or state the broken promise with `precondition`"),
        Ban(pattern: #"\btry!|\bas!"#, reason: "never trap on what may happen"),
        Ban(pattern: #"\b(TODO|FIXME|XXX|HACK)\b"#, reason: "finish it, or write it into the changelog's known gaps"),
        Ban(pattern: #"^@testable|^public |^    public "#, reason: "`package` is enough: nobody imports us"),
    ]

    @Test(arguments: bans)
    func `sources avoid`(_ ban: Ban) throws {
        let expression = try NSRegularExpression(pattern: ban.pattern, options: .anchorsMatchLines)
        let pure = Set(try Project.layers().filter { LayerTests.pure.contains($0.name) }.flatMap(\.targets))
        for file in Project.swiftFiles(below: "Sources") where !ban.pureOnly || pure.contains(file.target) {
            let range = NSRange(file.text.startIndex..., in: file.text)
            let found = expression.firstMatch(in: file.text, range: range).flatMap { Range($0.range, in: file.text) }
            let line = found.map { file.text[..<$0.lowerBound].count(where: { $0 == "\n" }) + 1 }
            #expect(found == nil, "\(file.path):\(line ?? 0): \(ban.reason)")
        }
    }

    @Test func `every unchecked Sendable and every unsafe nonisolated has its reason beside it`() {
        for file in Project.swiftFiles(below: "Sources") {
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                let near = lines[max(0, index - 4)...index]
                #expect(near.contains { $0.contains("//") }, "\(file.path):\(index + 1): say why this is safe")
            }
        }
    }

    @Test func `no file names a path of one machine`() throws {
        let roots = ["Sources", "CSystemShims", "Tests", "deploy", "scripts"]
        let pattern = try NSRegularExpression(pattern: "/(home|root|work)/[a-z]")
        for root in roots {
            let base = Project.root.appendingPathComponent(root)
            for path in FileManager.default.subpaths(atPath: base.path) ?? [] {
                let file = base.appendingPathComponent(path)
                guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
                let found = pattern.firstMatch(in: text, range: NSRange(text.startIndex..., in: text))
                #expect(found == nil, "\(root)/\(path)")
            }
        }
    }
}
