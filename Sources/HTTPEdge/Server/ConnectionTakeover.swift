import Glibc
import LinuxIO
import NIOCore
import NIOPosix
import NIOSSL

extension EdgeContext {
    /// Takes the connection out of the server's hands once its request has been read, to be served by other means: the
    /// server forgets it without closing it, and whatever the handler answers then goes nowhere.
    ///
    /// - Returns: nil when there is more between the socket and the client than bytes (TLS); the connection is as it was.
    package func takeOver() async throws -> SharedDescriptor? {
        let channel = channel
        return try await channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            guard (try? pipeline.handler(type: NIOSSLServerHandler.self)) == nil else { return nil }
            let duplicate = try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
                fcntl($0, F_DUPFD_CLOEXEC, 3)
            }
            guard let duplicate, duplicate >= 0 else { return nil }
            let descriptor = SharedDescriptor(FileDescriptor(owning: duplicate))
            // Closes the server's own descriptor; the connection lives by the duplicate.
            channel.close(mode: .all, promise: nil)
            return descriptor
        }.get()
    }
}
