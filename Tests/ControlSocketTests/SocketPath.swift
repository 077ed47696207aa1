import Glibc
import LinuxIO
import Synchronization

/// Socket paths that no other test uses.
enum SocketPath {
    private static let counter = Atomic(0)

    static func unique() -> String {
        "/tmp/mrp-test-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue).sock"
    }

    /// What a killed program leaves: a bound file that nobody listens on.
    static func leaveStale(_ path: String) throws {
        let listener = try UnixListener(path: path)
        link(path, path + ".kept")
        _ = consume listener
        rename(path + ".kept", path)
    }
}
