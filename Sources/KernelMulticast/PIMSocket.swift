import CSystemShims
import Glibc
import LinuxIO
import Wire

/// PIM packets (IP protocol 103) of every interface whose `GroupMemberships` hold 224.0.0.13.
package struct PIMSocket: ~Copyable, Sendable {
    package static let receiveBufferSize = 4 << 20

    package let descriptor: FileDescriptor

    package init() throws(SystemError) {
        let opened = try FileDescriptor.socket(family: AF_INET, type: CInt(SOCK_RAW.rawValue), protocol: 103)
        try opened.setReceiveBuffer(bytes: Self.receiveBufferSize)
        try opened.prepareForRouterMessages()
        descriptor = opened
    }

    /// Receives whole IPv4 packets; `batch.information(at:).interface` says where each came in.
    package borrowing func receive(into batch: inout ReceiveBatch) throws(SystemError) -> Int {
        try batch.fill(from: descriptor)
    }

    /// Sends a PIM message with its checksum in place: TTL 1 (RFC 7761 §4.3.1), not heard by this host. The source must
    /// be the interface's primary address, which Hello has announced.
    package borrowing func send(
        _ message: [UInt8], to destination: IPv4Address = .allPIMRouters, on interface: InterfaceIndex,
        from source: IPv4Address?
    ) throws(SystemError) {
        try descriptor.send(message, to: destination, on: interface, from: source)
    }
}
