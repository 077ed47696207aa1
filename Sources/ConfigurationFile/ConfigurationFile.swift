import Foundation
import MRPConfiguration

/// `/etc/mrp/mrp.yaml`: the one file all programs read.
package enum ConfigurationFile {
    package static let defaultPath = "/etc/mrp/mrp.yaml"
    package static let maximumBytes = 4 << 20

    /// Reads and checks the file at `path`; whatever is wrong comes in one error.
    package static func load(path: String) throws(ConfigurationProblems) -> Configuration {
        try parse(text(at: path), file: path)
    }

    /// - Parameter file: what problems call the text.
    package static func parse(_ text: String, file: String) throws(ConfigurationProblems) -> Configuration {
        let (document, problems) = YAMLDocument.compose(text)
        guard let document else { throw ConfigurationProblems(file: file, problems: problems) }
        return try Configuration.read(document, file: file, earlier: problems)
    }

    /// Every key this version understands in the sections that `text` has; none when it is no YAML.
    package static func understoodKeys(in text: String) -> Set<String> {
        YAMLDocument.compose(text).0.map(Configuration.understoodKeys) ?? []
    }

    private static func text(at path: String) throws(ConfigurationProblems) -> String {
        func refuse(_ message: String) -> ConfigurationProblems {
            let start = SourcePosition(line: 1, column: 1)
            return ConfigurationProblems(
                file: path, problems: [ConfigurationProblem(position: start, message: message)])
        }
        let bytes: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            bytes = try handle.read(upToCount: maximumBytes + 1) ?? Data()
        } catch {
            throw refuse("cannot be read: \(reason(error))")
        }
        guard bytes.count <= maximumBytes else { throw refuse("holds more than \(maximumBytes) bytes") }
        guard let text = String(bytes: bytes, encoding: .utf8) else { throw refuse("is not UTF-8 text") }
        return text
    }

    private static func reason(_ error: any Error) -> String {
        let error = error as NSError
        switch CocoaError.Code(rawValue: error.code) {
        case .fileReadNoSuchFile, .fileNoSuchFile: return "there is no such file"
        case .fileReadNoPermission: return "permission denied"
        case .fileReadUnknown: return "it is not a file"
        default: return error.localizedDescription
        }
    }
}
