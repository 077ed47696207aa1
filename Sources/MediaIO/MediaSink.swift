import Glibc
import LinuxIO
import Wire

/// Where a client's transport stream goes: a file, a pipe or a UDP port of this host.
///
/// Writing never waits: what a pipe's reader does not take is kept up to `limit`, then dropped whole packets at a time
/// and counted, so that a stopped player costs no packet on the network side.
package final class MediaSink {
    private enum Kind {
        case stream(SharedDescriptor)
        case datagrams(SharedSocket)
    }

    private final class SharedSocket {
        let socket: UDPSocket
        init(_ socket: consuming UDPSocket) { self.socket = socket }
    }

    package static let limit = 8 << 20
    /// Bytes gathered before a write.
    private static let batchSize = 64 << 10

    private let kind: Kind
    private var gathered: [UInt8] = []
    private var queue = OutputQueue(limit: limit, isSocket: false)
    /// Bytes the reader has not made room for.
    package private(set) var droppedBytes: UInt64 = 0
    /// Why the sink takes nothing any more; its reader may have gone.
    package private(set) var failure: SystemError?

    private init(_ kind: Kind) {
        self.kind = kind
        gathered.reserveCapacity(Self.batchSize * 2)
    }

    /// Creates or empties a file.
    package convenience init(file path: String) throws(SystemError) {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        let number = open(path, flags, 0o644)
        guard number >= 0 else { throw SystemError(call: "open", errno: errno) }
        self.init(.stream(SharedDescriptor(FileDescriptor(owning: number))))
    }

    /// Writes to a descriptor, such as standard output or a pipe, which is made non-blocking.
    package convenience init(_ descriptor: consuming FileDescriptor) throws(SystemError) {
        try descriptor.setNonBlocking()
        self.init(.stream(SharedDescriptor(descriptor)))
    }

    /// Sends datagrams of seven transport packets, as players take them.
    package convenience init(udp destination: SocketAddress) throws(SystemError) {
        let socket = try UDPSocket(destination.address.v4 == nil ? .v6 : .v4)
        try socket.connect(to: destination)
        self.init(.datagrams(SharedSocket(socket)))
    }

    /// Takes whole transport packets; they are written by `flush` at the latest.
    package func write(_ packets: RawSpan) {
        switch kind {
        case .stream:
            packets.withUnsafeBytes { gathered += $0 }
            if gathered.count >= Self.batchSize { flush() }
        case .datagrams(let shared):
            packets.withUnsafeBytes { datagram in
                do throws(SystemError) {
                    try shared.socket.send(datagram)
                } catch {
                    // A player that is not there yet answers with port unreachable; the next may find it.
                    droppedBytes &+= UInt64(datagram.count)
                }
            }
        }
    }

    /// Writes what was gathered, as far as the reader takes it.
    package func flush() {
        guard failure == nil else {
            droppedBytes &+= UInt64(gathered.count)
            return gathered.removeAll(keepingCapacity: true)
        }
        guard case .stream(let shared) = kind else { return }
        do throws(LineError) {
            try queue.append(gathered)
        } catch {
            droppedBytes &+= UInt64(gathered.count)
        }
        gathered.removeAll(keepingCapacity: true)
        do throws(SystemError) {
            try queue.flush(to: shared.descriptor)
        } catch {
            failure = error
        }
    }

    /// Bytes that wait for the reader.
    package var pendingBytes: Int { gathered.count + queue.count }
}
