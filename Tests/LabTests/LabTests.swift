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
            let text = try receiver.run("nft", "list", "table", "netdev", "loss")
            let words = text.split(whereSeparator: \.isWhitespace)
            let index = try #require(words.firstIndex(of: "packets"))
            return try #require(Int(words[index + 1]))
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
}
