import Foundation
import Lab

/// A wire of the network, by the end where it is looked at.
struct WatchedWire {
    let name: String
    let node: Node
    let interface: String
    let traffic: PacketCounter.Traffic

    /// Multicast through the network.
    static func network(_ metro: MetroTopology) -> [WatchedWire] {
        [("backbone", metro.core2, "proxy"), ("to rp1", metro.rp1, "uplink"), ("to rp2", metro.rp2, "uplink")].map {
            WatchedWire(name: $0, node: $1, interface: $2, traffic: .datagrams)
        }
    }

    /// Multicast that reaches a viewer.
    static func multicast(to viewer: String, _ metro: MetroTopology) throws -> WatchedWire {
        WatchedWire(name: viewer, node: try metro.viewer(viewer), interface: "eth0", traffic: .datagrams)
    }

    /// What reaches a viewer by HTTP.
    static func unicast(to viewer: String, _ metro: MetroTopology) throws -> WatchedWire {
        WatchedWire(name: "\(viewer)*", node: try metro.viewer(viewer), interface: "eth0", traffic: .connections)
    }
}

/// What crosses which wire by nftables' counters, and the forwarding entries beside it. Rates are of bytes: the counters see
/// a train of several packets, where an interface segments it, as one packet.
final class WireTable {
    /// A counter's value and when it was read.
    struct Sample {
        var packets: UInt64
        var bytes: UInt64
        var time: ContinuousClock.Instant
    }

    private static let timeWidth = 5
    private static let columnWidth = 9

    private let deployment: MetroDeployment
    private let counters: [(name: String, counter: PacketCounter)]
    private let start = ContinuousClock.now
    private var last: [String: Sample] = [:]

    init(_ deployment: MetroDeployment, _ wires: [WatchedWire]) throws {
        self.deployment = deployment
        counters = try wires.map { wire in
            let table = wire.traffic == .datagrams ? "seen" : "connections"
            let destination = wire.traffic == .datagrams ? "224.0.0.0/4" : "0.0.0.0/0"
            let counter = try PacketCounter(
                table, in: wire.node, on: wire.interface, direction: .ingress, destination: destination,
                traffic: wire.traffic)
            return (wire.name, counter)
        }
        last = try sample()
    }

    /// Reading takes its time on a busy machine, so every value has a time of its own.
    func sample() throws -> [String: Sample] {
        var samples: [String: Sample] = [:]
        for (name, counter) in counters {
            let (packets, bytes) = try counter.read()
            samples[name] = Sample(packets: packets, bytes: bytes, time: .now)
        }
        return samples
    }

    /// Bits a second.
    static func rate(_ name: String, from first: [String: Sample], to second: [String: Sample]) -> Double {
        guard let first = first[name], let second = second[name], second.time > first.time else { return 0 }
        return Double(second.bytes - first.bytes) * 8 / ((second.time - first.time) / .seconds(1))
    }

    func printHeader() {
        let star = counters.contains { $0.name.hasSuffix("*") } ? " (* by HTTP, the rest multicast)" : ""
        Terminal.line("kbit/s on each wire\(star), and forwarding entries at proxy/core2/rp1/rp2:")
        let names = counters.map { Terminal.right($0.name, Self.columnWidth) }.joined()
        Terminal.line(Terminal.right("s", Self.timeWidth) + names + Terminal.right("entries", Self.columnWidth))
    }

    func printLine() throws -> [String: Sample] {
        let now = try sample()
        let rates = counters.map { entry in
            Terminal.right(String(format: "%.0f", Self.rate(entry.name, from: last, to: now) / 1000), Self.columnWidth)
        }
        let entries = try deployment.forwarders.map { "\(try deployment.forwardingEntries($0).count)" }
        let seconds = String(format: "%.0f", (ContinuousClock.now - start) / .seconds(1))
        Terminal.line(
            Terminal.right(seconds, Self.timeWidth) + rates.joined()
                + Terminal.right(entries.joined(separator: "/"), Self.columnWidth))
        last = now
        return now
    }
}
