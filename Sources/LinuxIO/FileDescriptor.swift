import Glibc

/// An owned descriptor, closed when it goes out of scope.
package struct FileDescriptor: ~Copyable, Sendable {
    package let number: CInt

    /// Takes over `number`, which must be open and nobody else's.
    package init(owning number: CInt) {
        self.number = number
    }

    deinit { close(number) }

    /// Hands the number on; the caller closes it.
    package consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }

    /// Another descriptor of the same open file.
    package borrowing func duplicate() throws(SystemError) -> FileDescriptor {
        let number = number
        return FileDescriptor(owning: try systemCall("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    package borrowing func setNonBlocking() throws(SystemError) {
        let number = number
        let flags = try systemCall("fcntl") { fcntl(number, F_GETFL) }
        try systemCall("fcntl") { fcntl(number, F_SETFL, flags | O_NONBLOCK) }
    }

    /// Whether exec keeps the descriptor open.
    package borrowing func setInheritable(_ inheritable: Bool) throws(SystemError) {
        let number = number
        try systemCall("fcntl") { fcntl(number, F_SETFD, inheritable ? 0 : FD_CLOEXEC) }
    }

    /// Reads at most `count` bytes; empty at the end of the file.
    package borrowing func read(upTo count: Int) throws(SystemError) -> [UInt8] {
        let number = number
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                filled = try systemCall("read") { Glibc.read(number, buffer.baseAddress, count) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Waits for something to read, or for the other side's end; throws ETIMEDOUT. For the few exchanges that happen
    /// before a loop runs.
    package borrowing func waitUntilReadable(milliseconds: CInt) throws(SystemError) {
        var request = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard try systemCall("poll", { poll(&request, 1, milliseconds) }) > 0 else {
            throw SystemError(call: "poll", errno: ETIMEDOUT)
        }
    }

    /// Writes what the kernel takes now and says how much that was. On a pipe without a reader the process gets SIGPIPE
    /// unless it ignores it (`Privileges.ignoreBrokenPipes`); sockets have `send`.
    package borrowing func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let number = number
        return try systemCall("write") {
            bytes.withUnsafeBytes { buffer in Glibc.write(number, buffer.baseAddress, buffer.count) }
        }
    }

    /// As `write`, for a connected stream socket: one without a reader throws EPIPE, and no signal comes.
    package borrowing func send(stream bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let number = number
        return try systemCall("send") {
            bytes.withUnsafeBytes { buffer in
                Glibc.send(number, buffer.baseAddress, buffer.count, CInt(MSG_NOSIGNAL))
            }
        }
    }
}

extension FileDescriptor {
    package static func socket(family: CInt, type: CInt, protocol number: CInt = 0) throws(SystemError)
        -> FileDescriptor
    {
        let flags = CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        return FileDescriptor(owning: try systemCall("socket") { Glibc.socket(family, type | flags, number) })
    }

    package borrowing func setOption(_ level: CInt, _ name: CInt, _ value: CInt) throws(SystemError) {
        let number = number
        var value = value
        try systemCall("setsockopt") { setsockopt(number, level, name, &value, socklen_t(MemoryLayout<CInt>.size)) }
    }

    package borrowing func option(_ level: CInt, _ name: CInt) throws(SystemError) -> CInt {
        let number = number
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        try systemCall("getsockopt") { getsockopt(number, level, name, &value, &length) }
        return value
    }

    /// Asks for a receive buffer of `bytes`, past the system's limit where CAP_NET_ADMIN allows it; answers what the
    /// kernel granted (it doubles the number for its own bookkeeping).
    @discardableResult
    package borrowing func setReceiveBuffer(bytes: Int) throws(SystemError) -> Int {
        try setBuffer(bytes: bytes, forced: SO_RCVBUFFORCE, plain: SO_RCVBUF)
    }

    @discardableResult
    package borrowing func setSendBuffer(bytes: Int) throws(SystemError) -> Int {
        try setBuffer(bytes: bytes, forced: SO_SNDBUFFORCE, plain: SO_SNDBUF)
    }

    private borrowing func setBuffer(bytes: Int, forced: CInt, plain: CInt) throws(SystemError) -> Int {
        let value = CInt(clamping: bytes)
        do throws(SystemError) {
            try setOption(SOL_SOCKET, forced, value)
        } catch  where error.isNotPermitted {
            try setOption(SOL_SOCKET, plain, value)
        }
        return Int(try option(SOL_SOCKET, plain))
    }
}
