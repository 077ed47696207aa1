import Lab
import Testing

@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct LabTests {
    @Test func `every viewer of the metro topology reaches the server`() throws {
        let lab = try Lab("metro")
        defer { lab.tearDown() }
        let metro = try MetroTopology(lab)
        for viewer in MetroTopology.viewers {
            try metro.viewer(viewer.name).run("ping", "-q", "-c", "1", "-W", "2", MetroTopology.serverAddress)
        }
    }

    @Test func `a packet counter counts what arrives and seeded loss loses the same packets twice`() throws {
        let lab = try Lab("loss")
        defer { lab.tearDown() }
        let sender = try lab.node("a")
        let receiver = try lab.node("b")
        try lab.link(.init(sender, "eth0", "10.9.0.1/24"), .init(receiver, "eth0", "10.9.0.2/24"))
        try sender.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        let arrived = try PacketCounter("arrived", in: receiver, on: "eth0", direction: .ingress)
        let loss = try SeededLoss("loss", in: receiver, on: "eth0", perMille: 200, seed: 7)
        let script = """
            import socket, struct
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for n in range(1000):
                s.sendto(struct.pack('!BBHII', 0x80, 33, n, n * 90, 2) + bytes(100), ('239.1.1.1', 5000))
            """
        func lost() throws -> Int {
            try sender.run("python3", "-c", script)
            return try loss.lost()
        }
        let first = try lost()
        let second = try lost() - first
        #expect(try arrived.read().packets == 2_000)
        #expect((150...250).contains(first), "\(first) of 1000 lost")
        #expect(first == second)
        try loss.remove()
    }

    @Test func `a child that ignores the polite signal is ended all the same`() throws {
        let lab = try Lab("child")
        defer { lab.tearDown() }
        let node = try lab.node("a")
        let child = try node.start("deaf", ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"])
        #expect(eventually(within: .seconds(5)) { child.log.contains("ready") })
        child.stop()
        #expect(!child.isRunning)
    }

    @Test(.enabled(if: Lab.impairmentObstacle == nil, "/dev/net/tun cannot be opened by this user"))
    func `an impaired link delays, repeats and loses frames`() throws {
        let lab = try Lab("bad")
        defer { lab.tearDown() }
        let near = try lab.node("a")
        let far = try lab.node("b")
        let relay = try lab.impairedLink(
            "line", .init(near, "eth0", "10.9.0.1/24"), .init(far, "eth0", "10.9.0.2/24"), seed: 3,
            options: ["--delay", "20", "--duplicates", "30", "--loss", "10"])
        let report = try runCommand(
            near.inside(["ping", "-c", "50", "-i", "0.02", "-W", "1", "10.9.0.2"])
        ).output
        #expect(report.contains("DUP!"))
        let fastest = try #require(report.split(separator: "\n").last { $0.contains("min/avg") })
        let minimum = try #require(Double(fastest.split(separator: "=")[1].split(separator: "/")[0].dropFirst()))
        #expect(minimum >= 40, "round trip over twice 20 ms took \(minimum) ms")
        relay.send(signal: 15)
        #expect(relay.waitForExit(within: .seconds(3)))
        #expect(relay.log.contains("lost") && !relay.log.contains("lost 0,"))
    }
}
