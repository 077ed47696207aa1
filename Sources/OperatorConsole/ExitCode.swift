import ControlProtocol
import ControlSocket

/// How `mrpctl` ends; part of its contract with scripts.
package enum ExitCode: Int32, Sendable, CaseIterable {
    case ok = 0
    case failed = 1
    case usage = 2
    case notReachable = 3
    case notFound = 4
    case denied = 5
    case configurationInvalid = 6
}

/// Why a command failed and what to do about it.
package struct ConsoleError: Error, Equatable, Sendable {
    package var exit: ExitCode
    package var message: String
    /// What to do next.
    package var hint: String?

    package init(_ exit: ExitCode, _ message: String, hint: String? = nil) {
        self.exit = exit
        self.message = message
        self.hint = hint
    }

    package init(_ problem: Problem) {
        let exit: ExitCode =
            switch problem.status {
            case 401, 403: .denied
            case 404: .notFound
            default: .failed
            }
        self.init(exit, "\(problem.title) [\(problem.code)]", hint: problem.detail.isEmpty ? nil : problem.detail)
    }

    package init(_ error: ControlSocketError) {
        switch error {
        case .notReachable(let path, _):
            self.init(
                .notReachable, "\(error)",
                hint: "Is the program running? See the unit's status, or name its socket: --socket PATH (here \(path))."
            )
        case .permissionDenied:
            self.init(.denied, "\(error)", hint: "Run it as root or as a member of the group mrp.")
        case .closed, .timedOut:
            self.init(.notReachable, "\(error)", hint: "Try again; then look at the program's log.")
        case .lineTooLong, .inUse, .pathTooLong, .unknownGroup, .notAMember, .malformed, .system:
            self.init(.failed, "\(error)")
        }
    }

    /// What standard error gets.
    package var lines: [String] {
        "mrpctl: \(message)".split(separator: "\n").map { String($0).printable }
            + (hint.map { ["  \($0)".printable] } ?? [])
    }
}
