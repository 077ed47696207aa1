import Foundation

/// The checkout as the tidy tests see it: files and imports, as text.
enum Project {
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { folder.deleteLastPathComponent() }
        return folder
    }()

    struct SourceFile {
        /// Relative to the project.
        var path: String
        /// The target it belongs to.
        var target: String
        var text: String

        /// Modules named in import lines.
        var imports: [String] {
            text.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ").map(String.init)
                guard let index = words.firstIndex(of: "import"), index < 3, words.first != "//" else { return nil }
                let named = words[(index + 1)...].first { !["struct", "class", "enum", "func", "let"].contains($0) }
                return named.map { String($0.split(separator: ".")[0]) }
            }
        }
    }

    static func swiftFiles(below folder: String) -> [SourceFile] {
        let base = root.appendingPathComponent(folder)
        let paths = (FileManager.default.subpaths(atPath: base.path) ?? []).filter { $0.hasSuffix(".swift") }.sorted()
        return paths.compactMap { path in
            guard let text = try? String(contentsOf: base.appendingPathComponent(path), encoding: .utf8) else {
                return nil
            }
            return SourceFile(path: "\(folder)/\(path)", target: String(path.split(separator: "/")[0]), text: text)
        }
    }

    static func text(of file: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
    }

    /// The rows of ARCHITECTURE.md's table of targets: layer name and its targets, lowest layer first.
    static func layers() throws -> [(name: String, targets: [String])] {
        let lines = try text(of: "ARCHITECTURE.md").split(separator: "\n").map(String.init)
        guard let head = lines.firstIndex(where: { $0.hasPrefix("| layer | targets") }) else { return [] }
        return lines[(head + 2)...].prefix { $0.hasPrefix("|") }.map { row in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let targets = cells[1].split(separator: ",").map {
                $0.trimmingCharacters(in: CharacterSet(charactersIn: " `"))
            }
            return (cells[0], targets)
        }
    }
}
