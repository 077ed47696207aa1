import CSystemShims
import Glibc
import LinuxIO
import Wire

/// The owner of one IPv4 multicast routing table: its VIFs and entries live as long as this open file does.
///
/// Closing the last duplicate deletes them all and ends forwarding; a duplicate in a keeper prevents that.
package struct MulticastRoutingSocket: ~Copyable, Sendable {
    /// Room for some 10,000 unread upcalls of 832 bytes; the default holds 256 and drops the rest in silence.
    package static let receiveBufferSize = 8 << 20

    package let descriptor: FileDescriptor

    /// Becomes the owner of `table` (0: the default one). Throws EADDRINUSE when there is an owner already.
    package init(table: UInt32 = 0) throws(SystemError) {
        let opened = try FileDescriptor.socket(
            family: AF_INET, type: CInt(SOCK_RAW.rawValue), protocol: CInt(IPPROTO_IGMP))
        let number = opened.number
        try shimCall("MRT_INIT") { mrp_mroute_init(number, table) }
        try Self.prepare(opened)
        descriptor = opened
    }

    /// Takes over a routing socket that was kept while its process died: table, VIFs and entries are as they were.
    package init(adopting kept: consuming FileDescriptor) throws(SystemError) {
        try kept.setNonBlocking()
        try Self.prepare(kept)
        descriptor = kept
    }

    private static func prepare(_ descriptor: borrowing FileDescriptor) throws(SystemError) {
        let number = descriptor.number
        try shimCall("MRT_PIM") { mrp_mroute_report_wrong_interface(number, true) }
        try descriptor.setReceiveBuffer(bytes: receiveBufferSize)
        try descriptor.prepareForRouterMessages()
        // RFC 3376 §4 and RFC 2236 §2: every IGMP message carries Router Alert.
        try shimCall("IP_OPTIONS") { mrp_set_router_alert(number) }
    }

    /// Lets packets of `interface` in and out. The kernel does not refuse a second number for one interface.
    package borrowing func add(_ virtualInterface: VirtualInterface, for interface: InterfaceIndex) throws(SystemError)
    {
        let number = descriptor.number
        try shimCall("MRT_ADD_VIF") {
            mrp_mroute_add_vif(number, UInt16(virtualInterface.rawValue), interface.rawValue)
        }
    }

    /// Takes a VIF away. Entries keep its bit: see `VirtualInterfaceTable`.
    package borrowing func delete(_ virtualInterface: VirtualInterface) throws(SystemError) {
        let number = descriptor.number
        try shimCall("MRT_DEL_VIF") { mrp_mroute_delete_vif(number, UInt16(virtualInterface.rawValue)) }
    }

    /// Deletes every VIF and entry of the table, of whatever origin.
    package borrowing func flush() throws(SystemError) {
        let number = descriptor.number
        try shimCall("MRT_FLUSH") { mrp_mroute_flush(number) }
    }

    /// Receives what waits; ask `message(at:)` what each is, and the batch for its bytes.
    package borrowing func receive(into batch: inout ReceiveBatch) throws(SystemError) -> Int {
        try batch.fill(from: descriptor)
    }

    /// What the message at `index` is.
    package static func message(
        at index: Int, of batch: borrowing ReceiveBatch
    ) throws(RoutingMessageError) -> RoutingMessage {
        let interface = batch.information(at: index).interface
        return try RoutingMessage(batch.bytes(at: index), interface: interface)
    }

    /// Sends an IGMP message with its checksum in place: TTL 1, Router Alert, precedence 6, not heard by this host.
    /// `source` nil leaves the choice to the kernel.
    package borrowing func send(
        _ message: [UInt8], to destination: IPv4Address, on interface: InterfaceIndex, from source: IPv4Address? = nil
    ) throws(SystemError) {
        try descriptor.send(message, to: destination, on: interface, from: source)
    }
}

/// Buffers that fit the router's sockets: upcalls and IGMP or PIM packets of up to a link's largest frame.
extension ReceiveBatch {
    package static func forRouterMessages(capacity: Int = 64) throws(SystemError) -> ReceiveBatch {
        try ReceiveBatch(capacity: capacity, bufferSize: 9216)
    }
}
