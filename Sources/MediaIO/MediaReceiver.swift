import Clockwork
import LinuxIO
import OTTClient
import RTP
import Wire

/// Joins one rendition's group on an event loop, and hands what arrives to `MediaReception` and a sink.
///
/// Everything runs on the loop's thread. The membership lasts as long as the receiver is open.
package final class MediaReceiver {
    package struct Subscription: Hashable, Sendable {
        package var group: IPAddress
        /// Nil joins any source (IGMPv2 style).
        package var source: IPAddress?
        package var port: UInt16
        package var interface: InterfaceIndex
        /// Ports of the same group with repair packets, where any are sent.
        package var repairPorts: [UInt16] = []

        package init(group: IPAddress, source: IPAddress?, port: UInt16, interface: InterfaceIndex) {
            self.group = group
            self.source = source
            self.port = port
            self.interface = interface
        }
    }

    /// Half a second at 60 Mbit/s, for a process that the scheduler forgets.
    private static let receiveBuffer = 4 << 20
    private static let datagramsPerCall = 32
    /// The kernel may hand over a train as one datagram (UDP_GRO).
    private static let datagramSize = 65_535
    /// A reader that stopped is tried again so often while nothing arrives.
    private static let sinkInterval = Duration.milliseconds(20)

    package let subscription: Subscription
    private let loop: EventLoop
    private let socket: UDPSocket
    private let sink: MediaSink
    private var batch: ReceiveBatch
    private var reception: MediaReception
    private var token: EventLoop.Token?
    private var repairs: [(socket: RepairSocket, token: EventLoop.Token)] = []
    private let timer: EventLoop.Timer

    private var burst: FramedPacketSplitter?
    /// Called once, when a burst that `configuration` expected is of no use any more.
    package var onBurstOver: () -> Void = {}

    /// Called once, when the sink takes nothing any more.
    package var onSinkFailure: (SystemError) -> Void = { _ in }

    /// Opens and joins on the calling thread's network namespace.
    package init(
        _ subscription: Subscription, to sink: MediaSink, on loop: EventLoop,
        configuration: MediaReception.Configuration = .init()
    ) throws(SystemError) {
        let opened = try UDPSocket(subscription.group.v4 == nil ? .v6 : .v4)
        try opened.setReuseAddress()
        try opened.setOnlyOwnGroups()
        try opened.setReceiveOffload()
        try opened.descriptor.setReceiveBuffer(bytes: Self.receiveBuffer)
        // Bound to the group, the socket hears nothing else that is sent to the port.
        try opened.bind(
            to: SocketAddress(subscription.group, port: subscription.port, scope: subscription.interface))
        batch = try ReceiveBatch(capacity: Self.datagramsPerCall, bufferSize: Self.datagramSize)
        self.subscription = subscription
        self.loop = loop
        self.sink = sink
        socket = opened
        reception = MediaReception(configuration: configuration, now: MonotonicClock.now())
        burst = configuration.expectsBurst ? FramedPacketSplitter() : nil
        let expired = Expiry()
        timer = loop.makeTimer { now in expired.receiver?.tick(now) }
        expired.receiver = self
        let repairing = try Self.openRepairs(subscription)
        token = try loop.add(socket.descriptor, .readable) { [unowned self] _ in receive() }
        try socket.join(group: subscription.group, source: subscription.source, on: subscription.interface)
        for repair in repairing {
            repairs.append((repair, try repair.watch(on: loop) { [unowned self, unowned repair] in receive(repair) }))
        }
        // The burst's time limit runs from here, whether or not anything comes.
        settle()
    }

    private static func openRepairs(_ subscription: Subscription) throws(SystemError) -> [RepairSocket] {
        var sockets: [RepairSocket] = []
        for port in subscription.repairPorts { sockets.append(try RepairSocket(subscription, port: port)) }
        return sockets
    }

    /// Lets a loop's timer, which lasts as long as the loop, outlive its receiver.
    private final class Expiry {
        weak var receiver: MediaReceiver?
    }

    package var report: SessionReport { reception.report(now: MonotonicClock.now()) }
    package var sinkDroppedBytes: UInt64 { sink.droppedBytes }

    /// Takes bytes of the burst as its connection brought them (RFC 4571).
    package func receiveBurst(_ bytes: [UInt8]) {
        guard reception.wantsBurst, burst != nil else { return }
        let now = MonotonicClock.now()
        do throws(FramedPacketSplitter.Fault) {
            try burst?.append(bytes.span.bytes) { packet in
                reception.receiveBurst(packet, now: now) { [sink] in sink.write($0) }
            }
        } catch {
            return burstEnded()
        }
        settle()
    }

    /// The burst's connection was closed or refused.
    package func burstEnded() {
        reception.burstEnded(now: MonotonicClock.now()) { [sink] in sink.write($0) }
        settle()
    }

    /// Delivers what still waits and leaves the group; the last report is final.
    @discardableResult
    package func close() -> SessionReport {
        if let token {
            receive()
            loop.remove(token)
            self.token = nil
            closeRepairs()
            loop.setDeadline(timer, nil)
            reception.finish { [sink] in sink.write($0) }
            sink.flush()
            // Fails only when the interface is gone, and the membership with it.
            try? socket.leave(
                group: subscription.group, source: subscription.source, on: subscription.interface)
        }
        return report
    }

    private func receive() {
        receiveMedia(MonotonicClock.now())
        settle()
    }

    /// Media first: what waits in that socket is not missing.
    private func receive(_ repair: RepairSocket) {
        let now = MonotonicClock.now()
        receiveMedia(now)
        repair.drain { reception.receiveRepair($0, now: now) { [sink] in sink.write($0) } }
        settle()
    }

    private func closeRepairs() {
        for (repair, token) in repairs {
            receive(repair)
            loop.remove(token)
            repair.leave()
        }
        repairs = []
    }

    private func receiveMedia(_ now: Instant) {
        do throws(SystemError) {
            while try batch.fill(from: socket.descriptor) > 0 {
                take(batch, now)
            }
        } catch {
            // An error queued on the socket, such as an interface that went away: the next round reads on.
        }
    }

    private func take(_ batch: borrowing ReceiveBatch, _ now: Instant) {
        for index in 0..<batch.count {
            let bytes = batch.bytes(at: index)
            let segment = batch.information(at: index).segmentSize ?? max(bytes.byteCount, 1)
            var offset = 0
            repeat {
                let end = min(offset + segment, bytes.byteCount)
                reception.receive(bytes.extracting(offset..<end), now: now) { [sink] in sink.write($0) }
                offset = end
            } while offset < bytes.byteCount
        }
    }

    private func tick(_ now: Instant) {
        guard token != nil else { return }
        reception.tick(now: now) { [sink] in sink.write($0) }
        settle()
    }

    private func settle() {
        let wasWorking = sink.failure == nil
        sink.flush()
        if wasWorking, let failure = sink.failure { onSinkFailure(failure) }
        if burst != nil, !reception.wantsBurst {
            burst = nil
            onBurstOver()
        }
        let retry = sink.pendingBytes > 0 ? MonotonicClock.now() + Self.sinkInterval : nil
        loop.setDeadline(timer, .earliest(reception.deadline, retry))
    }
}
