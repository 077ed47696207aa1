import Foundation

/// Counts IPv4 packets in a node by destination prefix with nftables: an independent judge of what crossed a wire.
package struct PacketCounter {
    package enum Direction: String {
        /// Everything that arrives by the interface, before any routing decision.
        case ingress
        /// Everything that leaves by the interface.
        case egress
    }

    /// What is counted of what goes to the destination.
    package enum Traffic: String {
        case datagrams = "udp"
        /// What TCP carries; a train of segments counts as one packet where the interface takes it so.
        case connections = "tcp"
    }

    private let node: Node
    private let name: String

    /// Starts counting packets to `destination` (a prefix) on `interface`.
    package init(
        _ name: String, in node: Node, on interface: String, direction: Direction,
        destination: String = "224.0.0.0/4", traffic: Traffic = .datagrams
    ) throws {
        self.node = node
        self.name = name
        let rules = """
            table netdev \(name) {
              counter seen { }
              chain watch {
                type filter hook \(direction.rawValue) device "\(interface)" priority 0; policy accept;
                ip daddr \(destination) ip protocol \(traffic.rawValue) counter name seen
              }
            }
            """
        try node.run("nft", "-f", "-", input: rules)
    }

    /// Packets and bytes so far.
    package func read() throws -> (packets: UInt64, bytes: UInt64) {
        let text = try node.run("nft", "list", "counter", "netdev", name, "seen")
        let words = text.split(whereSeparator: { $0.isWhitespace }).map(String.init)
        func value(after word: String) -> UInt64 {
            guard let index = words.firstIndex(of: word), index + 1 < words.count else { return 0 }
            return UInt64(words[index + 1]) ?? 0
        }
        return (value(after: "packets"), value(after: "bytes"))
    }
}

/// Seeded, repeatable loss on what arrives at an interface: which RTP packets are dropped depends on their sequence
/// number and the seed alone, so two runs of one stream lose the same packets.
package struct SeededLoss {
    private let node: Node
    private let name: String

    /// - Parameters:
    ///   - perMille: packets dropped of a thousand, 0...1000.
    ///   - destination: only packets to this prefix are touched.
    package init(
        _ name: String, in node: Node, on interface: String, perMille: Int, seed: UInt32,
        destination: String = "224.0.0.0/4"
    ) throws {
        self.node = node
        self.name = name
        // Byte 8 of UDP starts the RTP header; its sequence number is at bits 16...31 of that.
        let rules = """
            table netdev \(name) {
              counter lost { }
              chain lose {
                type filter hook ingress device "\(interface)" priority 10; policy accept;
                ip daddr \(destination) ip protocol udp \
            jhash @th,80,16 mod 1000 seed \(seed) < \(perMille) counter name lost drop
              }
            }
            """
        try node.run("nft", "-f", "-", input: rules)
    }

    /// Stops losing and returns how many packets were lost.
    package func stop() throws -> Int {
        try node.run("nft", "flush", "chain", "netdev", name, "lose")
        return try lost()
    }

    package func lost() throws -> Int {
        let words = try node.run("nft", "list", "counter", "netdev", name, "lost").split(whereSeparator: \.isWhitespace)
        guard let index = words.firstIndex(of: "packets"), index + 1 < words.count, let count = Int(words[index + 1])
        else { throw LabError("nft shows no counter: \(words)") }
        return count
    }

    package func remove() throws {
        try node.run("nft", "delete", "table", "netdev", name)
    }
}
