import Glibc

/// A system call that failed: its name and errno.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let errno: CInt

    package init(call: String, errno: CInt) {
        self.call = call
        self.errno = errno
    }

    package var description: String {
        "\(call): \(String(cString: strerror(errno)))"
    }

    /// Nothing to read or no room to write now; wait for the loop to say otherwise.
    package var isWouldBlock: Bool { errno == EAGAIN || errno == EWOULDBLOCK }
    package var isNotPermitted: Bool { errno == EPERM || errno == EACCES }
}

/// Performs a libc call that answers -1 and sets errno; repeats it when a signal interrupted it.
@discardableResult
func systemCall<Result: SignedInteger>(_ name: StaticString, _ body: () -> Result) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let failure = errno
        if failure != EINTR { throw SystemError(call: "\(name)", errno: failure) }
    }
}

/// Performs one of our C shims, which answer a negated errno; repeats it when a signal interrupted it.
@discardableResult
package func shimCall<Result: SignedInteger>(
    _ name: StaticString, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        if result != -Result(EINTR) { throw SystemError(call: "\(name)", errno: CInt(-result)) }
    }
}
