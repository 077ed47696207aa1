import Glibc

/// What systemd wants to hear and what it keeps for us (sd_notify(3), "File Descriptor Store"), without libsystemd.
package struct ServiceManager: ~Copyable, Sendable {
    private let socket: FileDescriptor

    /// The manager that started this process, or nil where there is none.
    package init?(_ environment: Environment = Self.environment) throws(SystemError) {
        guard let path = environment("NOTIFY_SOCKET") else { return nil }
        try self.init(path: path)
    }

    package init(path: String) throws(SystemError) {
        socket = try UnixSocket.connect(to: path, kind: .datagrams)
    }

    /// Sends assignments such as `READY=1`, `STATUS=…`, `STOPPING=1`, `WATCHDOG=1`.
    package borrowing func notify(_ assignments: String...) throws(SystemError) {
        try socket.send(Array(assignments.joined(separator: "\n").utf8))
    }

    /// Keeps a duplicate of `descriptor` beyond the end of this process. FDPOLL=0: otherwise an error queued on the
    /// socket would make the manager drop it.
    package borrowing func store(_ descriptor: borrowing FileDescriptor, name: String) throws(SystemError) {
        try socket.send(
            Array("FDSTORE=1\nFDPOLL=0\nFDNAME=\(name)".utf8), passing: [descriptor.number])
    }

    package borrowing func removeStored(name: String) throws(SystemError) {
        try socket.send(Array("FDSTOREREMOVE=1\nFDNAME=\(name)".utf8))
    }

    /// The longest silence before the manager kills this process; send `WATCHDOG=1` twice as often. Nil when nobody
    /// watches.
    package static func watchdogTimeout(_ environment: Environment = Self.environment) -> Duration? {
        if let process = environment("WATCHDOG_PID"), Int32(process) != getpid() { return nil }
        return environment("WATCHDOG_USEC").flatMap { Int64($0) }.map { .microseconds($0) }
    }

    /// Descriptors handed to this process by socket activation or out of the fd store, with their names; the first has
    /// the number `first`. They are taken once: a second call answers none, and children inherit none.
    package static func takeDescriptors(
        _ environment: Environment = Self.environment, first: CInt = 3
    ) -> [(name: String, descriptor: SharedDescriptor)] {
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard let process = environment("LISTEN_PID"), Int32(process) == getpid(),
            let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...1024).contains(count)
        else { return [] }
        let names = (environment("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
        return (0..<count).compactMap { index in
            let number = first + index
            guard fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { return nil }
            let name = Int(index) < names.count ? String(names[Int(index)]) : "unknown"
            return (name, SharedDescriptor(FileDescriptor(owning: number)))
        }
    }

    package typealias Environment = (String) -> String?

    /// The environment of this process; an empty variable counts as none.
    package static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }
}
