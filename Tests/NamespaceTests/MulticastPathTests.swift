import Foundation
import Lab
import Testing

extension MetroSuite {
    @Test func `the first viewer sets everything up and the last one to leave tears everything down`() throws {
        try Self.withDeployment("first") { deployment in
            for node in deployment.forwarders { #expect(try deployment.forwardingEntries(node) == []) }
            let alice = try Self.watch("alice", in: deployment, seconds: 6)
            #expect(try deployment.forwardingEntries(deployment.metro.rp1).count == 1)
            #expect(try deployment.forwardingEntries(deployment.metro.rp2) == [])
            #expect(alice.child.waitForExit(within: .seconds(20)))
            #expect(alice.child.status == 0, "\(alice.child.log)")
            let report = try Self.report(deployment, of: "alice")
            #expect(report["lost"] as? Int == 0)
            let empty = try eventually(within: .seconds(20)) {
                try deployment.forwarders.allSatisfy { try deployment.forwardingEntries($0).isEmpty }
            }
            #expect(empty)
        }
    }

    @Test func `the next viewer at the same replication point costs no new copy upstream`() throws {
        try Self.withDeployment("next") { deployment in
            let upstream = try PacketCounter(
                "upstream", in: deployment.metro.rp1, on: "uplink", direction: .ingress)
            let alice = try Self.watch("alice", in: deployment, seconds: 14)
            let bob = try Self.watch("bob", in: deployment, seconds: 8)
            let before = (try upstream.read().packets, try alice.counter.read().packets, try bob.counter.read().packets)
            usleep(3_000_000)
            let after = (try upstream.read().packets, try alice.counter.read().packets, try bob.counter.read().packets)
            let (carried, toAlice, toBob) = (after.0 - before.0, after.1 - before.1, after.2 - before.2)
            #expect(carried > 50)
            #expect(Double(carried) < 1.1 * Double(max(toAlice, toBob)), "\(carried) for \(toAlice) and \(toBob)")
        }
    }

    @Test func `an unauthorized host's report opens nothing and is shown with its reason`() throws {
        try Self.withDeployment("deny") { deployment in
            let metro = deployment.metro
            _ = try Self.watch("carol", in: deployment, seconds: 12)
            let entry = try #require(try deployment.forwardingEntries(metro.rp2).first)
            let tree = entry.split(separator: ")")[0].dropFirst().split(separator: ",").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            let mallory = try metro.viewer("mallory")
            let counter = try PacketCounter("media", in: mallory, on: "eth0", direction: .ingress)
            let bare = try mallory.start(
                "bare-host",
                [
                    Programs.path("mrp-lab"), "receive", "--group", tree[1], "--source", tree[0], "--interface",
                    "eth0", "--seconds", "4",
                ])
            let shown = try eventually(within: .seconds(3)) {
                try deployment.mrpctl("show", "groups", "--json").output.contains("10.2.2.2")
            }
            #expect(shown)
            #expect(bare.waitForExit(within: .seconds(8)))
            #expect(bare.log.contains("packets 0"))
            #expect(try counter.read().packets == 0)
        }
    }

    @Test func `a revoked viewer gets nothing after a second and no other viewer notices`() throws {
        try Self.withDeployment("revoke") { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 14)
            let carol = try Self.watch("carol", in: deployment, seconds: 12)
            let result = try deployment.mrpctl("revoke", "alice", MetroDeployment.channel)
            #expect(result.status == 0, "\(result.errors)")
            usleep(1_000_000)
            let after = try alice.counter.read().packets
            usleep(1_500_000)
            #expect(try alice.counter.read().packets == after)
            #expect(carol.child.waitForExit(within: .seconds(25)))
            #expect(try Self.report(deployment, of: "carol")["lost"] as? Int == 0)
        }
    }

    @Test func `a killed router loses no forwarded packet and goes on admitting`() throws {
        try Self.withDeployment("kill") { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 14)
            let router = try #require(deployment.running["rp1/mrp-router"])
            router.send(signal: SIGKILL)
            #expect(router.waitForExit(within: .seconds(2)))
            usleep(1_000_000)
            try deployment.startRouter(deployment.metro.rp1)
            _ = try Self.watch("bob", in: deployment, seconds: 4)
            #expect(alice.child.waitForExit(within: .seconds(25)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
        }
    }

    @Test func `a killed server or replication-point daemon disturbs nobody who watches`() throws {
        try Self.withDeployment("roles") { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 16)
            for (node, role) in [(deployment.metro.ott, "ott-server"), (deployment.metro.rp1, "replication-point")] {
                let daemon = try #require(deployment.running["\(node.name)/mrpd"])
                daemon.send(signal: SIGKILL)
                #expect(daemon.waitForExit(within: .seconds(2)))
                usleep(500_000)
                try deployment.startDaemon(node, role: role)
            }
            #expect(alice.child.waitForExit(within: .seconds(25)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
            _ = try Self.watch("bob", in: deployment, seconds: 3)
        }
    }
}
