import Foundation
import Lab
import Testing

extension MetroSuite {
    @Test(.enabled(if: FRRRouter.obstacle == nil, "FRR cannot run here"))
    func `FRR between our replication points and our proxy is an ordinary PIM router to both`() throws {
        var frr: FRRRouter?
        try Self.withDeployment(
            "frr", coreRouter: false,
            beforeStart: { metro in
                frr = try FRRRouter(in: metro.core2, interfaces: ["proxy", "rp1", "rp2"])
            }
        ) { deployment in
            let neighbours = try eventually(within: .seconds(20)) {
                let shown = try #require(frr).show("show ip pim neighbor")
                return ["10.0.3.1", "10.0.4.2", "10.0.5.2"].allSatisfy(shown.contains)
            }
            #expect(neighbours)
            let alice = try Self.watch("alice", in: deployment, seconds: 8)
            #expect(try #require(frr).show("show ip pim join").contains("10.255.0.1"))
            #expect(alice.child.waitForExit(within: .seconds(25)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
            let pruned = try eventually(within: .seconds(10)) {
                !(try #require(frr).show("show ip pim join").contains("10.255.0.1"))
            }
            #expect(pruned)
        }
    }

    @Test func `tshark finds nothing malformed in what we send`() throws {
        var captures: [PacketCapture] = []
        try Self.withDeployment(
            "shark",
            beforeStart: { metro in
                captures = [
                    try PacketCapture("uplink", in: metro.rp1, on: "uplink", filter: "pim or igmp or udp"),
                    try PacketCapture("viewer", in: metro.viewer("alice"), on: "eth0", filter: "igmp or udp"),
                ]
            }
        ) { deployment in
            let alice = try Self.watch("alice", in: deployment, seconds: 6)
            #expect(alice.child.waitForExit(within: .seconds(25)))
            usleep(500_000)
            for capture in captures { capture.stop() }
            let decodeAs = ["udp.port==5000,rtp"]
            for capture in captures {
                let bad = "_ws.malformed or ip.checksum.status==0 or igmp.checksum.status==0 or pim.cksum.status==0"
                #expect(try capture.frames(matching: bad, decodeAs: decodeAs) == [])
                #expect(try capture.frames(matching: "rtp.p_type==33", decodeAs: decodeAs).count > 50)
            }
            #expect(try captures[0].frames(matching: "pim.type==0").count > 0)
            #expect(try captures[0].frames(matching: "pim.type==3").count > 0)
            #expect(try captures[1].frames(matching: "igmp.type==0x11").count > 0)
        }
    }
}
