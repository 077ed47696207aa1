import Foundation

/// Counts the packets to each IPv4 multicast group that arrive by an interface, with nftables: whether a wire carries one
/// copy of a group is seen by comparing two of them.
package struct GroupCounters {
    private let node: Node
    private let name: String

    /// Starts counting; the groups need not be known. `name` is that of a table of nftables.
    package init(_ name: String, in node: Node, on interface: String) throws {
        self.node = node
        self.name = name
        let rules = """
            table netdev \(name) {
              set groups { type ipv4_addr; flags dynamic; size 4096; counter; }
              chain watch {
                type filter hook ingress device "\(interface)" priority 0; policy accept;
                ip daddr 224.0.0.0/4 ip protocol udp update @groups { ip daddr }
              }
            }
            """
        try node.run("nft", "-f", "-", input: rules)
    }

    /// Bytes to each group so far. Trains are counted as one packet where the interface takes them so, bytes are not.
    package func read() throws -> [String: UInt64] {
        let text = try node.run("nft", "-j", "list", "set", "netdev", name, "groups")
        let document = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let objects = document?["nftables"] as? [[String: Any]] ?? []
        let set = objects.lazy.compactMap { $0["set"] as? [String: Any] }.first
        let elements = (set?["elem"] as? [[String: Any]] ?? []).compactMap { $0["elem"] as? [String: Any] }
        let counts = elements.compactMap { element -> (String, UInt64)? in
            guard let group = element["val"] as? String, let counter = element["counter"] as? [String: Any] else {
                return nil
            }
            return (group, (counter["bytes"] as? NSNumber)?.uint64Value ?? 0)
        }
        return Dictionary(counts) { $1 }
    }
}
