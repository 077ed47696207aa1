import Glibc
import NIOCore
import NIOPosix

/// A regular file that was opened once: its size, tag and bytes are of one version, whatever a packager renames over it.
final class ContentFile: Sendable {
    let size: Int
    /// Changes with every version: inode, size and time of modification to the nanosecond.
    let tag: String
    /// Whole seconds since 1970.
    let modified: Int
    private let descriptor: CInt

    private init(descriptor: CInt, status: stat) {
        self.descriptor = descriptor
        size = Int(status.st_size)
        modified = status.st_mtim.tv_sec
        tag = "\"\(String(status.st_ino, radix: 36))-\(String(size, radix: 36))-\(Self.stamp(status.st_mtim))\""
    }

    deinit {
        close(descriptor)
    }

    /// Nil when `path` is no regular file that may be read.
    static func open(_ path: String) async throws -> ContentFile? {
        try await NIOThreadPool.singleton.runIfActive { () -> ContentFile? in
            // Without O_NONBLOCK a fifo in the folder would hold the thread.
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard descriptor >= 0 else { return nil }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                close(descriptor)
                return nil
            }
            return ContentFile(descriptor: descriptor, status: status)
        }
    }

    /// Reads up to `count` bytes from `offset`; fewer at the end of the file.
    func read(at offset: Int, count: Int) async throws -> ByteBuffer {
        try await NIOThreadPool.singleton.runIfActive { [self] in
            var buffer = ByteBufferAllocator().buffer(capacity: count)
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
                var filled = 0
                while filled < count {
                    let got = pread(
                        descriptor, bytes.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
                    if got < 0, errno == EINTR { continue }
                    guard got > 0 else { break }
                    filled += got
                }
                return filled
            }
            return buffer
        }
    }

    private static func stamp(_ time: timespec) -> String {
        String(UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000 &+ UInt64(time.tv_nsec), radix: 36)
    }
}
