import Foundation
import Lab
import Testing

extension MetroSuite {
    struct PoolCase: Sendable, CustomTestStringConvertible {
        var pool: DeploymentPlan.Pool
        /// Groups of a channel of three renditions.
        var groups: Int
        var testDescription: String { "\(pool.layout), \(pool.addressing)" }
    }

    static let pools = [
        PoolCase(pool: .init(layout: "group-per-channel"), groups: 1),
        PoolCase(pool: .init(addressing: "any-source", groups: "239.1.0.0/16"), groups: 3),
    ]

    @Test(arguments: pools)
    func `every layout and addressing mode reaches viewers and is taken down`(_ row: PoolCase) throws {
        var plan = DeploymentPlan()
        plan.pool = row.pool
        try Self.withDeployment("pool", plan: plan) { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 6)
            let bob = try Self.watch("bob", in: deployment, seconds: 4)
            let sent = Set(try deployment.forwardingEntries(deployment.metro.proxy).compactMap(Self.group))
            #expect(sent.count == row.groups, "\(sent)")
            let prefix = row.pool.groups.prefix { $0 != "/" }.split(separator: ".").prefix(2).joined(separator: ".")
            #expect(sent.allSatisfy { $0.hasPrefix(prefix + ".") }, "\(sent)")
            for viewer in [alice, bob] {
                #expect(viewer.child.waitForExit(within: .seconds(20)))
                #expect(viewer.child.status == 0, "\(viewer.child.log)")
            }
            for viewer in ["alice", "bob"] {
                let report = try Self.report(deployment, of: viewer)
                #expect(report["lost"] as? Int == 0)
                #expect(report["continuity-errors"] as? Int == 0)
            }
            #expect(try Self.empties(deployment.forwarders, of: deployment))
        }
    }

    static func group(of line: String) -> String? {
        line.prefix { $0 != ")" }.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
