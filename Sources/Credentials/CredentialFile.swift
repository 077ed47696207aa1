import FoundationEssentials
import Glibc

/// Reads and writes PEM files: private keys for the owner alone, nothing replaced unless told to, and never half a file.
package enum CredentialFile {
    package enum Kind: Sendable {
        case privateKey
        case shared

        var mode: mode_t { self == .privateKey ? 0o600 : 0o644 }
    }

    package static let maximumBytes = 1 << 20

    package static func write(_ text: String, to path: String, as kind: Kind, replacing: Bool) throws(CredentialError) {
        if !replacing, access(path, F_OK) == 0 { throw .exists(path: path) }
        let temporary = "\(path).\(getpid()).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kind.mode)
        guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: reason(errno)) }
        var failure = fchmod(descriptor, kind.mode) == 0 ? 0 : errno
        if failure == 0 { failure = writeAll(Array(text.utf8), to: descriptor) }
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        close(descriptor)
        // A link refuses to replace, so that two commands at once do not overwrite each other.
        if failure == 0 {
            let isPlaced = replacing ? rename(temporary, path) == 0 : link(temporary, path) == 0
            if !isPlaced { failure = errno }
        }
        unlink(temporary)
        if failure == EEXIST { throw .exists(path: path) }
        guard failure == 0 else { throw .cannotWrite(path: path, reason: reason(failure)) }
    }

    /// - Parameter kind: a private key must not be readable by others.
    package static func read(_ path: String, as kind: Kind) throws(CredentialError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(path: path, reason: reason(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .cannotRead(path: path, reason: reason(errno)) }
        if kind == .privateKey, status.st_mode & 0o077 != 0 { throw .readableByOthers(path: path) }
        guard status.st_size <= maximumBytes else {
            throw .cannotRead(path: path, reason: "it is larger than \(maximumBytes) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .cannotRead(path: path, reason: reason(errno)) }
            if count == 0 { break }
            filled += count
        }
        return String(decoding: bytes[..<filled], as: UTF8.self)
    }

    /// Zero, or the error number.
    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }

    private static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
