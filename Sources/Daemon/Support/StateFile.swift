import Glibc
import JSONCoding

/// A JSON file that holds either the old or the new value, whatever moment the machine dies at.
package struct StateFile: Sendable {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case system(call: String, path: String, errno: CInt)
        case unreadable(path: String, reason: String)

        package var description: String {
            switch self {
            case .system(let call, let path, let number): "\(path): \(call): \(String(cString: strerror(number)))"
            case .unreadable(let path, let reason): "\(path): \(reason)"
            }
        }
    }

    package static let maximumBytes = 256 << 20

    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// Makes the folder the file is in, for its owner alone.
    package func prepareFolder() throws(Failure) {
        let folder = folder
        guard mkdir(folder, 0o700) != 0, errno != EEXIST else { return }
        throw .system(call: "mkdir", path: folder, errno: errno)
    }

    /// Nil when there is no such file.
    package func read<Value: Decodable>(_ type: Value.Type) throws(Failure) -> Value? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw .system(call: "read", path: path, errno: errno) }
            guard count > 0 else { break }
            bytes += chunk[..<count]
            guard bytes.count <= Self.maximumBytes else { throw .unreadable(path: path, reason: "too large") }
        }
        do throws(JSONError) {
            return try JSONText.decode(type, from: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw .unreadable(path: path, reason: error.description)
        }
    }

    /// Replaces the file's content; when this returns, the new one is on the disk.
    package func write(_ value: some Encodable) throws(Failure) {
        let text: String
        do {
            text = try JSONText.encode(value)
        } catch {
            throw .unreadable(path: path, reason: "cannot be encoded: \(error)")
        }
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(call: "open", path: temporary, errno: errno) }
        do throws(Failure) {
            defer { close(descriptor) }
            try write(Array(text.utf8), to: descriptor, path: temporary)
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else { throw .system(call: "rename", path: path, errno: errno) }
        try syncFolder()
    }

    /// Puts an unreadable file aside, where an operator finds it.
    package func putAside() {
        _ = rename(path, path + ".broken")
    }

    private var folder: String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return end == path.startIndex ? (path.hasPrefix("/") ? "/" : ".") : String(path[..<end])
    }

    private func write(_ bytes: [UInt8], to descriptor: CInt, path: String) throws(Failure) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(call: "write", path: path, errno: errno) }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw .system(call: "fsync", path: path, errno: errno) }
    }

    /// The new name is durable only with the folder.
    private func syncFolder() throws(Failure) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", path: folder, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(call: "fsync", path: folder, errno: errno) }
    }
}
