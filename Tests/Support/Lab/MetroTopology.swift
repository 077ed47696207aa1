/// The metropolitan network of the demo and of most namespace tests.
///
/// ```
///  ott ── core1 ── proxy ── core2 ─┬─ rp1 ─┬─ alice
///                                  │       └─ bob
///                                  └─ rp2 ─┬─ carol
///                                          └─ mallory
/// ```
/// Unicast routing is static; every viewer has a port (veth pair) of its own at its replication point.
package struct MetroTopology {
    package static let serverAddress = "10.0.1.2"
    package static let proxyAddress = "10.0.2.2"
    package static let proxyDownstreamAddress = "10.0.3.1"
    /// The address the proxy's media comes from, on its own source interface.
    package static let mediaSource = "10.255.0.1"

    package struct Viewer {
        package let name: String
        package let replicationPoint: String
        /// The interface at the replication point that leads to this viewer.
        package let port: String
        package let address: String
        package let gateway: String
    }

    package static let viewers = [
        Viewer(name: "alice", replicationPoint: "rp1", port: "alice", address: "10.1.1.2", gateway: "10.1.1.1"),
        Viewer(name: "bob", replicationPoint: "rp1", port: "bob", address: "10.1.2.2", gateway: "10.1.2.1"),
        Viewer(name: "carol", replicationPoint: "rp2", port: "carol", address: "10.2.1.2", gateway: "10.2.1.1"),
        Viewer(name: "mallory", replicationPoint: "rp2", port: "mallory", address: "10.2.2.2", gateway: "10.2.2.1"),
    ]

    /// A fifth one where one is wanted: at rp1, as bob is.
    package static let dave = Viewer(
        name: "dave", replicationPoint: "rp1", port: "dave", address: "10.1.3.2", gateway: "10.1.3.1")

    package let lab: Lab
    package let viewers: [Viewer]
    package let ott, core1, proxy, core2, rp1, rp2: Node

    /// - Parameter impairments: bad lines by viewer.
    package init(
        _ lab: Lab, viewers: [Viewer] = MetroTopology.viewers,
        impairments: [String: DeploymentPlan.Impairment] = [:]
    ) throws {
        self.lab = lab
        self.viewers = viewers
        ott = try lab.node("ott")
        core1 = try lab.node("core1")
        proxy = try lab.node("proxy")
        core2 = try lab.node("core2")
        rp1 = try lab.node("rp1")
        rp2 = try lab.node("rp2")
        try connect(impairments)
        try route()
    }

    package func viewer(_ name: String) throws -> Node { try lab.node(name) }

    package func replicationPoint(_ name: String) -> Node { name == "rp1" ? rp1 : rp2 }

    private func connect(_ impairments: [String: DeploymentPlan.Impairment]) throws {
        try lab.link(.init(ott, "uplink", "10.0.1.2/24"), .init(core1, "ott", "10.0.1.1/24"))
        try lab.link(.init(core1, "proxy", "10.0.2.1/24"), .init(proxy, "uplink", "10.0.2.2/24"))
        try lab.link(.init(proxy, "downlink", "10.0.3.1/24"), .init(core2, "proxy", "10.0.3.2/24"))
        try lab.link(.init(core2, "rp1", "10.0.4.1/24"), .init(rp1, "uplink", "10.0.4.2/24"))
        try lab.link(.init(core2, "rp2", "10.0.5.1/24"), .init(rp2, "uplink", "10.0.5.2/24"))
        for viewer in viewers {
            let host = try lab.node(viewer.name)
            let port = Lab.End(
                replicationPoint(viewer.replicationPoint), viewer.port, "\(viewer.gateway)/24")
            let end = Lab.End(host, "eth0", "\(viewer.address)/24")
            if let impairment = impairments[viewer.name] {
                try lab.impairedLink(
                    "\(viewer.name)-line", port, end, seed: impairment.seed, options: impairment.options)
            } else {
                try lab.link(port, end)
            }
            try host.ip("route", "add", "default", "via", viewer.gateway)
        }
    }

    private func route() throws {
        for router in [core1, proxy, core2, rp1, rp2] { try router.enableForwarding() }
        try ott.ip("route", "add", "default", "via", "10.0.1.1")
        try core1.ip("route", "add", "default", "via", "10.0.2.2")
        try proxy.ip("route", "add", "10.0.1.0/24", "via", "10.0.2.1")
        try proxy.ip("route", "add", "default", "via", "10.0.3.2")
        try core2.ip("route", "add", "default", "via", "10.0.3.1")
        // RPF needs a route of its own: FRR's next-hop tracking follows no default route unless told to.
        try core2.ip("route", "add", "\(Self.mediaSource)/32", "via", "10.0.3.1")
        try core2.ip("route", "add", "10.1.0.0/16", "via", "10.0.4.2")
        try core2.ip("route", "add", "10.2.0.0/16", "via", "10.0.5.2")
        try rp1.ip("route", "add", "default", "via", "10.0.4.1")
        try rp2.ip("route", "add", "default", "via", "10.0.5.1")
    }
}
