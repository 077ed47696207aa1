/// One thing that is wrong in a configuration file.
package struct ConfigurationProblem: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var position: SourcePosition
    package var message: String

    package init(position: SourcePosition, message: String) {
        self.position = position
        self.message = message
    }

    package static func < (left: ConfigurationProblem, right: ConfigurationProblem) -> Bool {
        (left.position, left.message) < (right.position, right.message)
    }

    package var description: String { "\(position): \(message)" }
}

/// Everything that is wrong in a configuration file, in the order of the file.
package struct ConfigurationProblems: Error, Equatable, Sendable, CustomStringConvertible {
    package var file: String
    package var problems: [ConfigurationProblem]

    package init(file: String, problems: [ConfigurationProblem]) {
        self.file = file
        self.problems = problems.sorted()
    }

    /// One `file:line:column: message` a problem.
    package var lines: [String] { problems.map { "\(file):\($0)" } }

    package var description: String { lines.joined(separator: "\n") }
}

/// Where readers put what they find, so that one run reports all of it.
final class ProblemLog {
    /// More are not told in one run: nobody reads them, and a file of nothing but mistakes must not cost minutes.
    static let maximumProblems = 100

    private(set) var problems: [ConfigurationProblem] = []
    /// Every key that was asked for, dotted from the top of the file.
    private(set) var askedKeys: Set<String> = []

    func ask(_ key: String) {
        askedKeys.insert(key)
    }

    func add(_ message: String, at position: SourcePosition) {
        guard !isFull else { return }
        problems.append(ConfigurationProblem(position: position, message: message))
        if isFull {
            let more = "there may be more problems: these \(Self.maximumProblems) come first"
            problems.append(ConfigurationProblem(position: .end, message: more))
        }
    }

    var isFull: Bool { problems.count >= Self.maximumProblems }
}
