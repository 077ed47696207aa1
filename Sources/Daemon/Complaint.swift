import Glibc

extension Program {
    /// Writes a line to the standard error output, for whatever happens before there is a logger.
    package static func complain(_ line: String) {
        _ = Array("mrpd: \(line)\n".utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
