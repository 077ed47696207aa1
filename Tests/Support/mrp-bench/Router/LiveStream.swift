import CSystemShims
import Clockwork
import Glibc
import Lab
import LinuxIO
import Synchronization
import Wire

/// Sends numbered packets at a steady rate on a thread of its own, to one group at a time.
final class LiveStream: Sendable {
    static let packetsPerSecond = 2000
    static let port: UInt16 = 5000

    /// Descriptor and group; zero while nothing is sent.
    private let target = Atomic<UInt64>(0)
    private let next = Atomic<UInt64>(1)
    private let isStopped = Atomic(false)

    init() throws {
        let thread = try SystemThread(name: "stream") { [weak self] in
            try? SystemThread.setTimerSlack(.microseconds(1))
            var due = MonotonicClock.now()
            while let running = self, !running.isStopped.load(ordering: .relaxed) {
                running.sendOne()
                due = max(due + .nanoseconds(1_000_000_000 / Int64(Self.packetsPerSecond)), MonotonicClock.now())
                Self.sleep(until: due)
            }
        }
        _ = consume thread
    }

    deinit { isStopped.store(true, ordering: .relaxed) }

    /// The number of the next packet: one that carries it or a higher one was sent after this call.
    var nextNumber: UInt64 { next.load(ordering: .sequentiallyConsistent) }

    func send(to group: IPv4Address, from socket: borrowing UDPSocket) {
        let number = UInt64(UInt32(bitPattern: socket.descriptor.number))
        target.store(number << 32 | UInt64(group.rawValue), ordering: .sequentiallyConsistent)
    }

    func pause() { target.store(0, ordering: .sequentiallyConsistent) }

    func stop() {
        pause()
        isStopped.store(true, ordering: .relaxed)
    }

    private func sendOne() {
        let target = target.load(ordering: .sequentiallyConsistent)
        guard target != 0 else { return }
        var packet = WireWriter(reservingCapacity: 1316)
        packet.write(next.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue)
        packet.writeZeros(1308)
        let group = IPv4Address(rawValue: UInt32(truncatingIfNeeded: target))
        let endpoint = SocketAddress(.v4(group), port: Self.port).endpoint
        _ = packet.bytes.withUnsafeBytes {
            mrp_send_datagram(CInt(target >> 32), $0.baseAddress, $0.count, 0, endpoint)
        }
    }

    private static func sleep(until due: Instant) {
        let (seconds, rest) = due.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
        clock_nanosleep(CLOCK_MONOTONIC, CInt(TIMER_ABSTIME), &time, nil)
    }
}

/// Reads a `LiveStream` off a host's wire, whether or not the host's kernel is a member.
final class WireTap {
    private static let ethernetTypeIPv4: UInt16 = 0x0800

    let descriptor: FileDescriptor
    private var batch: ReceiveBatch

    init(in node: Node) throws {
        descriptor = try node.inNamespace {
            try FileDescriptor.socket(
                family: AF_PACKET, type: CInt(SOCK_DGRAM.rawValue), protocol: CInt(Self.ethernetTypeIPv4.bigEndian))
        }
        batch = try ReceiveBatch(capacity: 64, bufferSize: 2048)
        _ = try descriptor.setReceiveBuffer(bytes: 4 << 20)
    }

    /// Hands over the group and number of each packet that has come in.
    func drain(_ body: (IPv4Address, UInt64) -> Void) throws {
        while try batch.fill(from: descriptor) > 0 {
            for index in 0..<batch.count {
                if let (group, number) = Self.parse(batch.bytes(at: index)) { body(group, number) }
            }
        }
    }

    /// Nil for what is not of a stream. An IPv4 header without options and a UDP header come before the number.
    private static func parse(_ packet: RawSpan) -> (IPv4Address, UInt64)? {
        var reader = WireReader(packet)
        do throws(WireError) {
            try reader.skip(9)
            guard try reader.readUInt8() == UInt8(IPPROTO_UDP) else { return nil }
            try reader.skip(6)
            let group = IPv4Address(rawValue: try reader.readUInt32())
            try reader.skip(8)
            return (group, try reader.readUInt64())
        } catch {
            return nil
        }
    }
}
