import Foundation

/// Where the programs under test were built.
package enum Programs {
    /// `MRP_BIN`, or the folder that the running test bundle lies in.
    package static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["MRP_BIN"] { return named }
        let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
        let parts = bundle.components(separatedBy: "/")
        let end = parts.firstIndex { $0.hasSuffix(".xctest") } ?? parts.count - 1
        return parts[..<end].joined(separator: "/")
    }()

    package static func path(_ program: String) -> String { "\(folder)/\(program)" }
}
