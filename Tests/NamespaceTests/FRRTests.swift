import Foundation
import Lab
import Testing

extension MetroSuite {
    @Test(.enabled(if: FRRRouter.obstacle == nil, "FRR cannot run here"))
    func `FRR between our replication points and our proxy is an ordinary PIM router to both`() throws {
        var plan = DeploymentPlan()
        plan.runsCoreRouter = false
        var router: FRRRouter?
        try Self.withDeployment(
            "frr", plan: plan,
            beforeStart: { router = try FRRRouter(in: $0.core2, interfaces: ["proxy", "rp1", "rp2"]) }
        ) { deployment in
            let frr = try #require(router)
            let neighbours = try eventually(within: .seconds(20)) {
                let shown = try frr.show("show ip pim neighbor")
                return ["10.0.3.1", "10.0.4.2", "10.0.5.2"].allSatisfy(shown.contains)
            }
            try #require(neighbours)
            let alice = try Self.watch("alice", in: deployment, seconds: 12)
            let tree = try Self.tree(in: deployment.metro.rp1, of: deployment)
            func outputs() throws -> [String]? { try frr.outputs(source: tree.source, group: tree.group) }
            #expect(try outputs() == ["rp1"])
            let carol = try Self.watch("carol", in: deployment, seconds: 4)
            #expect(try outputs() == ["rp1", "rp2"])
            #expect(carol.child.waitForExit(within: .seconds(15)))
            #expect(try eventually(within: .seconds(5)) { try outputs() == ["rp1"] })
            #expect(try Self.stops(carol.counter, within: .seconds(2)))
            #expect(alice.child.waitForExit(within: .seconds(25)))
            for viewer in ["alice", "carol"] {
                #expect(try Self.report(deployment, of: viewer)["lost"] as? Int == 0)
            }
            #expect(try eventually(within: .seconds(5)) { try outputs() == nil })
            #expect(
                try Self.empties([deployment.metro.proxy, deployment.metro.rp1, deployment.metro.rp2], of: deployment))
        }
    }
}
