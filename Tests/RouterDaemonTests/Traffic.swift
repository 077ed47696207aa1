import CSystemShims
import Clockwork
import Glibc
import Lab
import LinuxIO
import Synchronization
import Testing
import Wire

/// A host's UDP socket that receives numbered packets.
final class Receiver {
    static let port: UInt16 = 5000

    private let socket: UDPSocket
    private let interface: InterfaceIndex
    private var batch: ReceiveBatch
    /// The numbers received, in order.
    private(set) var numbers: [UInt64] = []

    init(on node: Node, interface name: String = "eth0") throws {
        interface = try node.interfaceIndex(name)
        batch = try ReceiveBatch(capacity: 64, bufferSize: 2048)
        socket = try node.inNamespace {
            let socket = try UDPSocket(.v4)
            try socket.setReuseAddress()
            try socket.bind(to: SocketAddress(.v4(.unspecified), port: Self.port))
            _ = try socket.descriptor.setReceiveBuffer(bytes: 4 << 20)
            return socket
        }
    }

    func join(_ group: IPv4Address, _ source: IPv4Address) throws {
        try socket.join(group: .v4(group), source: .v4(source), on: interface)
    }

    func leave(_ group: IPv4Address, _ source: IPv4Address) throws {
        try socket.leave(group: .v4(group), source: .v4(source), on: interface)
    }

    /// Reads what has come; true when that was anything.
    @discardableResult
    func drain() throws -> Bool {
        var any = false
        while try batch.fill(from: socket.descriptor) > 0 {
            any = true
            for index in 0..<batch.count {
                numbers.append(try Self.number(of: batch, at: index))
            }
        }
        return any
    }

    private static func number(of batch: borrowing ReceiveBatch, at index: Int) throws(WireError) -> UInt64 {
        var reader = WireReader(batch.bytes(at: index))
        return try reader.readUInt64()
    }

    /// Waits for a packet that comes after this call.
    func receives(within limit: Duration) throws -> Bool {
        try drain()
        let before = numbers.count
        let end = MonotonicClock.now() + limit
        while MonotonicClock.now() < end {
            var poller = pollfd(fd: socket.descriptor.number, events: Int16(POLLIN), revents: 0)
            _ = poll(&poller, 1, 20)
            try drain()
            if numbers.count > before { return true }
        }
        return false
    }

    /// Waits until nothing has come for `silence`; false when that does not happen within `limit`.
    func fallsSilent(for silence: Duration = .milliseconds(200), within limit: Duration) throws -> Bool {
        try drain()
        let end = MonotonicClock.now() + limit
        var last = MonotonicClock.now()
        while MonotonicClock.now() < end + silence {
            var poller = pollfd(fd: socket.descriptor.number, events: Int16(POLLIN), revents: 0)
            _ = poll(&poller, 1, 10)
            if try drain() {
                last = MonotonicClock.now()
                if last > end { return false }
            } else if MonotonicClock.now() - last >= silence {
                return true
            }
        }
        return false
    }

    /// Numbers that are missing between the first and the last one received.
    var gaps: Int {
        guard let first = numbers.first, let last = numbers.max() else { return 0 }
        return Int(last - first) + 1 - Set(numbers).count
    }
}

/// Sends numbered packets at a steady rate on a thread of its own, until it goes.
final class Sender: Sendable {
    private let isStopped = Atomic(false)
    private let sent = Atomic<UInt64>(0)

    init(on node: Node, to group: IPv4Address, packetsPerSecond rate: Int) throws {
        let socket = SharedSocket(
            try node.inNamespace {
                let socket = try UDPSocket(.v4)
                try socket.setMulticastTTL(16)
                try socket.connect(to: SocketAddress(.v4(group), port: Receiver.port))
                return socket
            })
        let interval = Duration.nanoseconds(1_000_000_000 / Int64(rate))
        let thread = try SystemThread(name: "sender") { [weak self] in
            var next = MonotonicClock.now()
            var number: UInt64 = 0
            while let running = self, !running.isStopped.load(ordering: .relaxed) {
                var packet = WireWriter(reservingCapacity: 100)
                packet.write(number)
                packet.writeZeros(92)
                _ = packet.bytes.withUnsafeBytes {
                    Glibc.send(socket.value.descriptor.number, $0.baseAddress, $0.count, 0)
                }
                number += 1
                running.sent.store(number, ordering: .relaxed)
                next = next + interval
                let pause = (next - MonotonicClock.now()).nanoseconds
                if pause > 0 { usleep(UInt32(pause / 1000)) }
            }
        }
        _ = consume thread
    }

    var count: UInt64 { sent.load(ordering: .relaxed) }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    deinit { stop() }

    private final class SharedSocket: Sendable {
        let value: UDPSocket
        init(_ value: consuming UDPSocket) { self.value = value }
    }
}

/// Sends IGMP payloads from a host exactly as given: Router Alert, TTL 1.
final class RawIGMP {
    private let descriptor: FileDescriptor
    private let interface: InterfaceIndex

    init(on node: Node, interface name: String = "eth0") throws {
        interface = try node.interfaceIndex(name)
        descriptor = try node.inNamespace {
            let raw = try FileDescriptor.socket(
                family: AF_INET, type: CInt(SOCK_RAW.rawValue), protocol: CInt(IPPROTO_RAW))
            return raw
        }
    }

    /// A whole IPv4 packet.
    func send(packet: [UInt8], to destination: IPv4Address) throws {
        let (number, endpoint) = (descriptor.number, IPAddress.v4(destination).endpoint)
        try shimCall("sendmsg") {
            packet.withUnsafeBytes {
                mrp_send_on_interface(number, $0.baseAddress, $0.count, endpoint, interface.rawValue, 0)
            }
        }
    }
}
