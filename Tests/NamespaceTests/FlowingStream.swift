import Clockwork
import Foundation
import Lab
import LinuxIO
import Synchronization
import Testing
import Wire

/// A stream of a thousand packets a second from one node to another that joined it; nftables counts at both ends.
final class FlowingStream {
    private let sender: PacketSender
    private let member: ChildProcess
    private let sent, arrived: PacketCounter
    private var before: (sent: UInt64, arrived: UInt64) = (0, 0)

    /// Returns once the stream arrives.
    init(from source: Node, to viewer: Node, source address: String, group: String) throws {
        sent = try PacketCounter("sent", in: source, on: "eth0", direction: .egress, destination: group)
        arrived = try PacketCounter("arrived", in: viewer, on: "eth0", direction: .ingress, destination: group)
        member = try viewer.start(
            "member",
            [
                Programs.path("mrp-lab"), "receive", "--group", group, "--source", address, "--interface", "eth0",
                "--seconds", "600",
            ])
        sender = try PacketSender(on: source, to: group, port: 5_000, interval: .milliseconds(1))
        try #require(try eventually(within: .seconds(10)) { try arrived.read().packets > 100 }, "nothing arrives")
        before = try counted()
    }

    /// Stops sending and tells how many packets were sent and have arrived since the stream first flowed.
    func end() throws -> (sent: UInt64, arrived: UInt64) {
        let after = try counted()
        member.stop()
        return (after.sent - before.sent, after.arrived - before.arrived)
    }

    /// Both counters at a moment when nothing is on its way.
    private func counted() throws -> (sent: UInt64, arrived: UInt64) {
        sender.isPaused = true
        defer { sender.isPaused = false }
        usleep(200_000)
        return (try sent.read().packets, try arrived.read().packets)
    }
}

/// Sends packets of 100 bytes at a steady rate on a thread of its own, until it goes.
private final class PacketSender: Sendable {
    private let pausing = Atomic(false)

    var isPaused: Bool {
        get { pausing.load(ordering: .relaxed) }
        set { pausing.store(newValue, ordering: .relaxed) }
    }

    init(on node: Node, to group: String, port: UInt16, interval: Duration) throws {
        let address = try #require(IPv4Address(group))
        let path = "/run/netns/\(node.namespace)"
        let thread = try SystemThread(name: "sender") { [weak self] in
            guard let socket = try? Self.open(path, address, port) else { return }
            let packet = [UInt8](repeating: 0x47, count: 100)
            while let sender = self {
                if !sender.isPaused {
                    _ = packet.withUnsafeBytes { send(socket.descriptor.number, $0.baseAddress, $0.count, 0) }
                }
                usleep(UInt32(clamping: interval.nanoseconds / 1_000))
            }
        }
        _ = consume thread
    }

    /// The thread enters the namespace for good.
    private static func open(_ path: String, _ group: IPv4Address, _ port: UInt16) throws -> UDPSocket {
        try NetworkNamespace.enter(NetworkNamespace.open(path))
        let socket = try UDPSocket(.v4)
        try socket.setMulticastTTL(16)
        try socket.connect(to: SocketAddress(.v4(group), port: port))
        return socket
    }
}
