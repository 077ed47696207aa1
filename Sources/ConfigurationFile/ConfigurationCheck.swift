import MRPConfiguration

/// What `--check` prints and exits with, the same for every program.
package struct ConfigurationCheck: Sendable {
    /// Exit code of a file with problems.
    package static let invalidExitCode: Int32 = 6

    package let lines: [String]
    package let isValid: Bool

    package init(path: String) {
        do {
            let configuration = try ConfigurationFile.load(path: path)
            lines = ["\(path): node \(configuration.node): no problems"] + configuration.summary.map { "  \($0)" }
            isValid = true
        } catch {
            let count = error.problems.count
            lines = error.lines + ["\(path): \(count) \(count == 1 ? "problem" : "problems")"]
            isValid = false
        }
    }

    package var exitCode: Int32 { isValid ? 0 : Self.invalidExitCode }
}
