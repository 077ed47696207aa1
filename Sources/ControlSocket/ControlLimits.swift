import Glibc
import LinuxIO

/// The bounds of a control connection; reaching one is refused and counted, never waited for.
package struct ControlLimits: Sendable, Hashable {
    /// Bytes of a line, as long as the connection has not shown that it feeds snapshots.
    package var lineBytes = 1 << 20
    /// Bytes of a line that carries a snapshot, or of an answer: some 200,000 authorizations.
    package var snapshotBytes = 64 << 20
    /// Bytes that wait for a slow reader; one answer may be larger when nothing else waits.
    package var queuedBytes = 8 << 20
    package var clients = 64

    package init() {}

    package static let standard = ControlLimits()

    var forServer: LineConnection.Limits {
        LineConnection.Limits(lineLength: lineBytes, queuedOutput: queuedBytes)
    }

    /// A client hears whole documents, and a link sends whole snapshots.
    var forClient: LineConnection.Limits {
        LineConnection.Limits(lineLength: snapshotBytes, queuedOutput: snapshotBytes)
    }
}

/// Why a control connection failed.
package enum ControlSocketError: Error, Equatable, Sendable, CustomStringConvertible {
    case lineTooLong(limit: Int)
    /// Somebody answers on this path already.
    case inUse(path: String)
    case pathTooLong(path: String)
    case unknownGroup(String)
    /// A socket can be given to groups of the program's user only.
    case notAMember(group: String)
    case notReachable(path: String, why: String)
    case permissionDenied(path: String)
    /// The other side closed before it answered.
    case closed
    case timedOut
    /// The other side sent what is not an answer.
    case malformed(String)
    case system(String)

    package var description: String {
        switch self {
        case .lineTooLong(let limit): "a line is longer than \(limit) bytes"
        case .inUse(let path): "\(path) is in use: another program answers there, or it is not a socket"
        case .pathTooLong(let path): "the socket path \(path) is too long (107 bytes at most)"
        case .unknownGroup(let name): "there is no group \(name) on this system"
        case .notAMember(let group):
            "cannot give the control socket to the group \(group): the program's user is not a member of it "
                + "(in a unit: SupplementaryGroups=\(group))"
        case .notReachable(let path, let why): "nothing answers at \(path): \(why)"
        case .permissionDenied(let path): "no permission to use \(path)"
        case .closed: "the connection was closed before the answer came"
        case .timedOut: "no answer came in time"
        case .malformed(let why): "malformed message: \(why)"
        case .system(let what): what
        }
    }

    /// What a failed bind means to whoever starts the program.
    init(binding path: String, _ error: SystemError) {
        self =
            switch error.errno {
            case EADDRINUSE: .inUse(path: path)
            case ENAMETOOLONG: .pathTooLong(path: path)
            default: error.isNotPermitted ? .permissionDenied(path: path) : .system("\(path): \(error)")
            }
    }

    /// What a failed connect means to whoever runs a command.
    init(connecting path: String, _ error: SystemError) {
        self =
            switch error.errno {
            case ENAMETOOLONG: .pathTooLong(path: path)
            default:
                error.isNotPermitted
                    ? .permissionDenied(path: path) : .notReachable(path: path, why: error.description)
            }
    }
}
