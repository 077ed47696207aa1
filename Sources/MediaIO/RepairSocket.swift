import LinuxIO
import Wire

/// The socket of one of a rendition's repair ports, on the media's group.
final class RepairSocket {
    /// A second of parity of a 40 Mbit/s rendition.
    private static let receiveBuffer = 1 << 20
    private static let datagramsPerCall = 32
    private static let datagramSize = 65_535

    private let socket: UDPSocket
    private var batch: ReceiveBatch
    private let group: IPAddress
    private let source: IPAddress?
    private let interface: InterfaceIndex

    /// Opens and joins on the calling thread's network namespace.
    init(_ subscription: MediaReceiver.Subscription, port: UInt16) throws(SystemError) {
        (group, source, interface) = (subscription.group, subscription.source, subscription.interface)
        let opened = try UDPSocket(subscription.group.v4 == nil ? .v6 : .v4)
        try opened.setReuseAddress()
        try opened.setOnlyOwnGroups()
        try opened.setReceiveOffload()
        try opened.descriptor.setReceiveBuffer(bytes: Self.receiveBuffer)
        try opened.bind(to: SocketAddress(subscription.group, port: port, scope: subscription.interface))
        batch = try ReceiveBatch(capacity: Self.datagramsPerCall, bufferSize: Self.datagramSize)
        socket = opened
        try socket.join(group: group, source: source, on: interface)
    }

    func watch(on loop: EventLoop, _ readable: @escaping () -> Void) throws(SystemError) -> EventLoop.Token {
        try loop.add(socket.descriptor, .readable) { _ in readable() }
    }

    /// Hands over all datagrams that are there.
    func drain(_ take: (RawSpan) -> Void) {
        do throws(SystemError) {
            while try batch.fill(from: socket.descriptor) > 0 { Self.split(batch, take) }
        } catch {
            // An error queued on the socket, such as an interface that went away: the next round reads on.
        }
    }

    private static func split(_ batch: borrowing ReceiveBatch, _ take: (RawSpan) -> Void) {
        for index in 0..<batch.count {
            let bytes = batch.bytes(at: index)
            let segment = batch.information(at: index).segmentSize ?? max(bytes.byteCount, 1)
            for offset in stride(from: 0, to: bytes.byteCount, by: segment) {
                take(bytes.extracting(offset..<min(offset + segment, bytes.byteCount)))
            }
        }
    }

    func leave() {
        // Fails only when the interface is gone, and the membership with it.
        try? socket.leave(group: group, source: source, on: interface)
    }
}
