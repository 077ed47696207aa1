import ControlProtocol
import Glibc
import HTTPEdge
import LinuxIO

/// Why the client ends, with what to do next.
struct ClientFailure: Error {
    /// The exit codes of every program of ours.
    enum ExitCode: Int32 {
        case failed = 1
        case usage = 2
        case notReachable = 3
        case notFound = 4
        case denied = 5
    }

    var exitCode: ExitCode
    var message: String
    var hint: String?

    init(_ exitCode: ExitCode, _ message: String, hint: String? = nil) {
        self.exitCode = exitCode
        self.message = message
        self.hint = hint
    }

    init(_ error: EdgeClientError, server: String) {
        switch error {
        case .refused(let problem):
            let code: ExitCode =
                switch problem.status {
                case 401, 403: .denied
                case 404: .notFound
                default: .failed
                }
            self.init(code, "\(problem.title) (\(problem.code))", hint: problem.detail)
        case .unreachable, .timedOut, .notTrusted:
            self.init(
                .notReachable, "\(server): \(error)",
                hint: "Check --server and that the OTT server runs: curl \(server)/healthz")
        case .badAnswer, .badURL:
            self.init(.failed, "\(server): \(error)")
        }
    }
}

enum StandardError {
    static let isTerminal = isatty(STDERR_FILENO) == 1

    static func print(_ text: String) {
        write(text + "\n")
    }

    /// A line that the next one replaces, on a terminal.
    static func printLive(_ text: String) {
        write(isTerminal ? "\r\u{1B}[K\(text)" : text + "\n")
    }

    private static func write(_ text: String) {
        // What standard error does not take is lost: there is nowhere to complain.
        _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
    }
}
