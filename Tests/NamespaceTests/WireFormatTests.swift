import Foundation
import Lab
import Testing

extension MetroSuite {
    /// Captured behind ports without transmit offloads, so that frames are as a wire would carry them: segmented, and with
    /// their checksums. Bob speaks IGMPv2, so that both kinds of queries are seen.
    @Test func `tshark finds nothing malformed in what we send`() throws {
        var plan = DeploymentPlan()
        plan.interfaces["rp1"] = ["bob": "{ igmp: { version: 2 } }"]
        var captures: [String: PacketCapture] = [:]
        try Self.withDeployment(
            "shark", plan: plan,
            beforeStart: { metro in
                for (node, port) in [
                    (metro.core2, "rp1"), (metro.rp1, "uplink"), (metro.rp1, "alice"), (metro.rp1, "bob"),
                ] {
                    try node.run("ethtool", "-K", port, "tx", "off", "gso", "off")
                }
                captures["core"] = try PacketCapture("core", in: metro.rp1, on: "uplink", filter: "ip multicast")
                for viewer in ["alice", "bob"] {
                    captures[viewer] = try PacketCapture(
                        viewer, in: metro.viewer(viewer), on: "eth0", filter: "ip multicast")
                }
            }
        ) { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 8)
            let bob = try Self.watch("bob", in: deployment, seconds: 4)
            for child in [alice.child, bob.child] { #expect(child.waitForExit(within: .seconds(25))) }
            usleep(1_000_000)
            for capture in captures.values { capture.stop() }
            for (place, capture) in captures {
                let kinds = try #require(Self.expected[place])
                let counts = try capture.counts(matching: [Self.faults] + kinds)
                let faulty = counts[0] == 0 ? [] : try capture.frames(matching: Self.faults)
                #expect(counts[0] == 0, "\(place): \(faulty)")
                for (kind, count) in zip(kinds, counts.dropFirst()) {
                    #expect(count > 0, "\(place) saw no \(kind)")
                }
            }
        }
    }

    private static let faults =
        "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || igmp.checksum.status == 0"
        + " || pim.cksum.status == 0 || mp2t.cc.drop || _ws.expert.severity >= 0x600000"

    private static let media = "rtp.p_type == 33 && mp2t"
    /// What must have been seen, so that the absence of faults means something.
    private static let expected = [
        "core": [media, "pim.type == 0", "pim.type == 3"],
        "alice": [media, "igmp.type == 0x11 && igmp.version == 3"],
        "bob": [media, "igmp.type == 0x11 && igmp.version == 2", "igmp.type == 0x11 && igmp.maddr == 232.0.0.0/8"],
    ]
}
