import Foundation
import Lab
import Testing

extension MetroSuite {
    /// ```
    ///  rp1 ─┬─ alice               rp2 ─┬─ carol
    ///       └─ igmpproxy ─ dave         └─ FRR ─ erin
    /// ```
    /// Neither dave nor erin is a subscriber: their routers are trusted, and what is behind a router is its business.
    @Test(.enabled(if: FRRRouter.obstacle == nil, "FRR cannot run here"))
    func `trusted downstream routers, one by IGMP and one by PIM, get what their hosts join`() throws {
        var plan = DeploymentPlan()
        // igmpproxy repeats its hosts' joins without their source, which for a source-specific group only IGMPv2 may.
        plan.interfaces = [
            "rp1": ["home": "{ igmp: { version: 2, immediate-leave: true } }"],
            "rp2": ["home": "{ pim: { hello-interval: 5s } }"],
        ]
        plan.trustedDownstreamRouters = ["rp1": ["10.1.9.2/32"], "rp2": ["10.2.9.2/32"]]
        try Self.withDeployment("down", plan: plan, beforeStart: Self.addHomes) { deployment in
            let (rp1, rp2) = (deployment.metro.rp1, deployment.metro.rp2)
            let alice = try Self.watch("alice", in: deployment, seconds: 25)
            let carol = try Self.watch("carol", in: deployment, seconds: 25)
            let tree = try Self.tree(in: rp1, of: deployment)
            let dave = try Self.bareHost(
                deployment.metro.lab.node("dave"), group: tree.group, source: nil, seconds: 6)
            let erin = try Self.bareHost(
                deployment.metro.lab.node("erin"), group: tree.group, source: tree.source, seconds: 6)
            for (host, port, point) in [(dave, "alice", rp1), (erin, "carol", rp2)] {
                #expect(
                    try eventually(within: .seconds(5)) { try host.counter.read().packets > 20 }, "\(host.child.name)")
                #expect(try deployment.forwardingEntries(point).map(Self.outputs) == [[port, "home"]])
            }
            for (host, port, point) in [(dave, "alice", rp1), (erin, "carol", rp2)] {
                #expect(host.child.waitForExit(within: .seconds(10)))
                let isAlone = try eventually(within: .seconds(8)) {
                    try deployment.forwardingEntries(point).map(Self.outputs) == [[port]]
                }
                #expect(isAlone, "\(host.child.name) left, and its port is still open")
            }
            for (viewer, child) in [("alice", alice.child), ("carol", carol.child)] {
                #expect(child.waitForExit(within: .seconds(30)))
                #expect(try Self.report(deployment, of: viewer)["lost"] as? Int == 0)
            }
        }
    }

    private static func addHomes(_ metro: MetroTopology) throws {
        for (host, point, number) in [("dave", metro.rp1, 1), ("erin", metro.rp2, 2)] {
            let home = try metro.lab.node("home\(number)")
            let node = try metro.lab.node(host)
            try home.enableForwarding()
            try metro.lab.link(
                .init(point, "home", "10.\(number).9.1/24"), .init(home, "uplink", "10.\(number).9.2/24"))
            try metro.lab.link(
                .init(home, "lan", "10.\(number).10.1/24"), .init(node, "eth0", "10.\(number).10.2/24"))
            try home.ip("route", "add", "\(MetroTopology.mediaSource)/32", "via", "10.\(number).9.1")
        }
        try metro.lab.node("home1").sysctl("net.ipv4.conf.uplink.force_igmp_version", "2")
        _ = try IGMPProxy(
            in: metro.lab.node("home1"), upstream: "uplink", downstream: "lan",
            sources: "\(MetroTopology.mediaSource)/32")
        _ = try FRRRouter(in: metro.lab.node("home2"), interfaces: ["uplink"], hosts: ["lan"])
    }
}
