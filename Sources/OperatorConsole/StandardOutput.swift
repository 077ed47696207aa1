import Glibc

/// Whole lines to a standard stream, at once and unbuffered: a pipe's reader wants each when it happens.
package enum StandardOutput {
    package static func print(_ line: String) { write(line, to: STDOUT_FILENO) }
    package static func printError(_ line: String) { write(line, to: STDERR_FILENO) }

    private static func write(_ line: String, to stream: CInt) {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(stream, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                // The reader has gone (`| head`): nobody is left to tell.
                exit(errno == EPIPE ? 0 : 1)
            }
        }
    }
}
