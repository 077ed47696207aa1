import ControlProtocol
import Foundation
import Lab
import Testing

extension MetroSuite {
    private static let spares = (1...28).map { "spare\($0)" }

    @Test
    func `thirty ports work beside the uplink, one that vanished works again, and the next one is refused by name`()
        throws
    {
        var plan = DeploymentPlan()
        plan.interfaces = ["rp1": Dictionary(uniqueKeysWithValues: Self.spares.map { ($0, "{ igmp: {} }") })]
        try Self.withDeployment(
            "ports", plan: plan,
            beforeStart: { metro in
                for (number, spare) in Self.spares.enumerated() {
                    try metro.lab.link(
                        .init(metro.rp1, spare, "10.1.\(100 + number).1/24"), .init(metro.lab.node("spares"), spare))
                }
            }
        ) { deployment in
            let rp1 = deployment.metro.rp1
            let shown = try deployment.show("interfaces", as: InterfacesDocument.self, at: rp1).interfaces
            #expect(Set(shown.compactMap(\.vif)).count == 31, "\(shown.map { ($0.name, $0.problem ?? "") })")
            let alice = try Self.watch("alice", in: deployment, seconds: 20)
            _ = try Self.watch("bob", in: deployment, seconds: 30)
            try Self.unplugAndReplug("bob", in: deployment)
            let bob = try Self.watch("bob", in: deployment, seconds: 4)
            #expect(bob.child.waitForExit(within: .seconds(15)))
            #expect(bob.child.status == 0, "\(bob.child.log)")

            let many = try rp1.write(
                "many.yaml",
                String(contentsOfFile: rp1.path("mrp.yaml"), encoding: .utf8).replacingOccurrences(
                    of: "    spare1:", with: "    spare0: { igmp: {} }\n    spare1:"))
            let check = try runCommand([deployment.program("mrp-router"), "--config", many, "--check"])
            #expect(check.status != 0)
            #expect((check.output + check.errors).contains("at most 31"), "\(check)")
            try FileManager.default.removeItem(atPath: rp1.path("mrp.yaml"))
            try FileManager.default.moveItem(atPath: many, toPath: rp1.path("mrp.yaml"))
            let router = try #require(deployment.running["rp1/mrp-router"])
            router.send(signal: SIGHUP)
            #expect(eventually(within: .seconds(3)) { router.log.contains("at most 31") }, "\(router.log)")
            #expect(alice.child.waitForExit(within: .seconds(30)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
        }
    }

    /// Deletes a viewer's link while it watches, shows that its port is gone, and makes the link anew.
    private static func unplugAndReplug(_ name: String, in deployment: MetroDeployment) throws {
        let rp1 = deployment.metro.rp1
        let viewer = try #require(MetroTopology.viewers.first { $0.name == name })
        try rp1.ip("link", "delete", viewer.port)
        func entry() throws -> InterfaceEntry? {
            try deployment.show("interfaces", as: InterfacesDocument.self, at: rp1).interfaces.first {
                $0.name == viewer.port
            }
        }
        #expect(try eventually(within: .seconds(3)) { try entry()?.operStatus == "absent" })
        #expect(try deployment.forwardingEntries(rp1).map(Self.outputs) == [["alice"]])
        let host = try deployment.metro.viewer(name)
        try deployment.metro.lab.link(
            .init(rp1, viewer.port, "\(viewer.gateway)/24"), .init(host, "eth0", "\(viewer.address)/24"))
        try host.ip("route", "replace", "default", "via", viewer.gateway)
        #expect(try eventually(within: .seconds(5)) { try entry()?.vif != nil })
    }
}
