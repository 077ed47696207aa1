import Foundation
import Lab
import Testing

extension MetroSuite {
    /// smcroute speaks no PIM: it joins the proxy's groups by IGMP like a host, as a router the proxy trusts, and sends
    /// them to rp1 whether anybody there wants them or not. rp1 finds no neighbour to join at and takes what comes.
    @Test func `viewers are served behind a static multicast router that speaks no PIM`() throws {
        var plan = DeploymentPlan()
        plan.runsCoreRouter = false
        plan.interfaces["proxy"] = ["downlink": "{ igmp: {} }"]
        plan.trustedDownstreamRouters["proxy"] = ["10.0.3.2/32"]
        var router: StaticRouter?
        try Self.withDeployment(
            "static", plan: plan,
            beforeStart: { metro in
                router = try StaticRouter(
                    in: metro.core2,
                    configuration: """
                        phyint proxy enable
                        phyint rp1 enable
                        mgroup from proxy source \(MetroTopology.mediaSource) group 232.1.0.0/29
                        mroute from proxy source \(MetroTopology.mediaSource) group 232.1.0.0/29 to rp1

                        """)
            }
        ) { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 8)
            let tree = try Self.group(watchedBy: "alice", in: deployment)
            #expect(try #require(router).routes().contains(tree))
            #expect(alice.child.waitForExit(within: .seconds(25)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
            #expect(try Self.stops(alice.counter, within: .seconds(2)))
        }
    }

    /// The group whose entry at rp1 has the viewer's port among its outputs.
    private static func group(watchedBy viewer: String, in deployment: MetroDeployment) throws -> String {
        let entries = try deployment.forwardingEntries(deployment.metro.rp1).filter { outputs(of: $0).contains(viewer) }
        try #require(entries.count == 1, "\(entries)")
        return try #require(group(of: entries[0]))
    }
}
