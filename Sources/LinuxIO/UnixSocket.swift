import CSystemShims
import Glibc

/// Unix sockets by path; a path that starts with '@' is an abstract name.
package enum UnixSocket {
    package enum Kind: Sendable {
        case stream
        /// Keeps message boundaries, and with them which descriptor belongs to which message.
        case sequencedPackets
        case datagrams

        var type: CInt {
            switch self {
            case .stream: CInt(SOCK_STREAM.rawValue)
            case .sequencedPackets: CInt(SOCK_SEQPACKET.rawValue)
            case .datagrams: CInt(SOCK_DGRAM.rawValue)
            }
        }
    }

    /// Connects; the descriptor does not block afterwards.
    package static func connect(to path: String, kind: Kind = .stream) throws(SystemError) -> FileDescriptor {
        let descriptor = try FileDescriptor.socket(family: AF_UNIX, type: kind.type)
        let number = descriptor.number
        try shimCall("connect") { mrp_unix_connect(number, path) }
        return descriptor
    }
}

/// A listening Unix socket; its path is removed with it.
package struct UnixListener: ~Copyable, Sendable {
    package let descriptor: FileDescriptor
    private let path: String?

    /// Listens at `path` with these file permissions, replacing a socket that nobody listens on any more; throws
    /// EADDRINUSE when somebody does.
    package init(
        path: String, permissions: mode_t = 0o600, kind: UnixSocket.Kind = .stream, backlog: CInt = 64
    ) throws(SystemError) {
        let opened = try FileDescriptor.socket(family: AF_UNIX, type: kind.type)
        let number = opened.number
        // Permissions of the socket before the bind become those of the path: nobody can connect in between.
        try systemCall("fchmod") { fchmod(number, permissions) }
        try Self.removeStale(path, kind)
        try shimCall("bind") { mrp_unix_bind(number, path) }
        if !path.hasPrefix("@") {
            // The bind applied the umask, which may have taken away more than was asked.
            try systemCall("chmod") { chmod(path, permissions) }
        }
        try systemCall("listen") { listen(number, backlog) }
        descriptor = opened
        self.path = path.hasPrefix("@") ? nil : path
    }

    /// Takes over a listening socket that somebody else bound (socket activation); its path is left alone.
    package init(adopting descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
        path = nil
    }

    deinit {
        if let path { unlink(path) }
    }

    private static func removeStale(_ path: String, _ kind: UnixSocket.Kind) throws(SystemError) {
        var status = stat()
        guard !path.hasPrefix("@"), lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
        do throws(SystemError) {
            _ = try UnixSocket.connect(to: path, kind: kind)
        } catch  where error.errno == ECONNREFUSED {
            unlink(path)
        } catch  where error.errno == ENOENT {
            return
        }
    }

    /// The next connection, or nil when nobody waits.
    package borrowing func accept() throws(SystemError) -> FileDescriptor? {
        let number = descriptor.number
        do throws(SystemError) {
            return FileDescriptor(owning: try shimCall("accept") { mrp_accept(number) })
        } catch  where error.isWouldBlock || error.errno == ECONNABORTED {
            return nil
        }
    }
}

extension FileDescriptor {
    /// Who is on the other side of a Unix socket.
    package borrowing func peerCredentials() throws(SystemError) -> (process: Int32, user: UInt32) {
        let number = number
        var (process, user): (Int32, UInt32) = (0, 0)
        try shimCall("SO_PEERCRED") { mrp_peer_credentials(number, &process, &user) }
        return (process, user)
    }

    /// Tells the other side that nothing more comes; what it sends is still read.
    package borrowing func shutdownWriting() {
        _ = Glibc.shutdown(number, CInt(SHUT_WR))
    }

    /// Ends both directions; duplicates of the descriptor elsewhere see it too.
    package borrowing func shutdown() {
        _ = Glibc.shutdown(number, CInt(SHUT_RDWR))
    }
}
