import Foundation
import Lab
import Testing

extension MetroSuite {
    /// A v2 host names no source: the channel map gives it. Both versions live on one tree, each on its port.
    @Test func `a viewer whose host speaks IGMPv2 is served beside one who speaks IGMPv3`() throws {
        try Self.withDeployment(
            "v2",
            beforeStart: { metro in
                try metro.viewer("bob").sysctl("net.ipv4.conf.all.force_igmp_version", "2")
            }
        ) { deployment in
            let rp1 = deployment.metro.rp1
            let alice = try Self.watch("alice", in: deployment, seconds: 14)
            let bob = try Self.watch("bob", in: deployment, seconds: 5)
            #expect(try deployment.forwardingEntries(rp1).map(Self.outputs) == [["alice", "bob"]])
            let counters = try deployment.counters(of: rp1)
            #expect(try #require(counters["bob"]?["igmp-v2-reports-received"]) > 0)
            #expect(counters["bob"]?["igmp-v3-reports-received"] == 0)
            #expect(try #require(counters["alice"]?["igmp-v3-reports-received"]) > 0)
            #expect(bob.child.waitForExit(within: .seconds(15)))
            // Report suppression may hide another v2 host, so bob's port is asked before it closes.
            #expect(
                try eventually(within: .seconds(6)) {
                    try deployment.forwardingEntries(rp1).map(Self.outputs) == [["alice"]]
                })
            #expect(alice.child.waitForExit(within: .seconds(25)))
            for viewer in ["alice", "bob"] {
                #expect(try Self.report(deployment, of: viewer)["lost"] as? Int == 0)
            }
        }
    }

    static func outputs(of line: String) -> [String] {
        let words = line.split(separator: " ").map(String.init)
        guard let start = words.firstIndex(of: "Oifs:") else { return [] }
        return words[(start + 1)...].prefix { $0 != "State:" }.sorted()
    }
}
