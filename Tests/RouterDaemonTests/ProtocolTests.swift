import Clockwork
import ControlProtocol
import ControlSocket
import Glibc
import GroupMembership
import Lab
import LinuxIO
import Testing
import Wire

/// What comes from the wire and from the socket without being right.
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct HostileInputTests {
    private static let host = AccessNetwork.address(ofHost: 1)

    private static func report(from source: IPv4Address = host) -> [UInt8] {
        IGMPHostMessage.join(AccessNetwork.group, source: AccessNetwork.source, from: source)
    }

    /// The IGMP bytes of a report start behind the header with its Router Alert.
    private static func damaged(at offset: Int) -> [UInt8] {
        var packet = report()
        packet[24 + offset] ^= 0xFF
        return packet
    }

    /// Says one record and holds half of it; the checksum is right.
    private static func truncated() -> [UInt8] {
        var message = WireWriter()
        for byte: UInt8 in [0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 1] { message.write(byte) }
        message.patch(internetChecksum(message.bytes), at: 2)
        return IGMPHostMessage.packet(payload: message.bytes, from: host, to: .allIGMPv3Routers)
    }

    @Test(arguments: [
        ("igmp-refused-bad-checksum", HostileInputTests.damaged(at: 9)),
        ("igmp-refused-truncated", HostileInputTests.truncated()),
        ("igmp-refused-off-subnet-source", HostileInputTests.report(from: IPv4Address(10, 99, 0, 1))),
        ("igmp-refused-own-address-spoofed", HostileInputTests.report(from: IPv4Address(10, 3, 1, 1))),
    ])
    func `a malformed report is counted by its reason and opens nothing`(_ counter: String, _ packet: [UInt8]) throws {
        let network = try AccessNetwork("mal", hosts: 1)
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let before = try network.router.counter(counter, on: "a1")
        let raw = try RawIGMP(on: network.host(1))
        try raw.send(packet: packet, to: .allIGMPv3Routers)
        let isCounted = try eventually(within: .seconds(2)) {
            try network.router.counter(counter, on: "a1") > before
        }
        let counters = try network.router.show(.counters, CountersDocument.self).interfaces
        #expect(isCounted, "\(counters)")
        #expect(try network.installedOutputs() == nil)
        try raw.send(packet: Self.report(), to: .allIGMPv3Routers)
        let isOpen = try eventually(within: .seconds(2)) { try network.installedOutputs() == ["a1"] }
        #expect(isOpen, "the right report is taken after the wrong one")
        _ = owner
    }

    @Test func `a stream nobody wants is not queued, and the first packets of a late join are live`() throws {
        let network = try AccessNetwork("old", hosts: 1)
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender(packetsPerSecond: 500)
        defer { sender.stop() }
        let isBlocked = try eventually(within: .seconds(2)) { try network.installedOutputs() == [] }
        #expect(isBlocked)
        usleep(300_000)
        let countAtJoin = sender.count
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(2)))
        #expect((viewer.numbers.first ?? 0) + 5 >= countAtJoin)
        _ = owner
    }

    @Test func `a second router for the same table says who may be in the way`() throws {
        let network = try AccessNetwork("two", hosts: 1)
        let other = try network.router.node.write(
            "other.yaml",
            "node: o\nrouter:\n  control-socket: \(network.router.node.path("o.sock"))\n"
                + "  interfaces:\n    a1: {igmp: {}}\n")
        let process = try network.router.node.start(
            "other", [Programs.path("mrp-router"), "--config", other])
        #expect(process.waitForExit(within: .seconds(5)))
        #expect(process.status == 1)
        #expect(process.log.contains("belongs to another program"))
    }

    @Test(arguments: [("--check", Int32(6)), ("", 6)])
    func `an invalid file ends with its own exit code`(_ flag: String, _ status: Int32) throws {
        let lab = try Lab("inv")
        defer { lab.tearDown() }
        let node = try lab.node("r")
        let file = try node.write("bad.yaml", "node: r\nrouter:\n  interfaces:\n    a1: {igmq: {}}\n")
        let result = try runCommand(
            [Programs.path("mrp-router"), "--config", file] + (flag.isEmpty ? [] : [flag]))
        #expect(result.status == status)
        #expect(result.errors.contains("bad.yaml:4"))
        #expect(result.errors.contains("igmp"))
    }

    @Test func `a newer connection of an owner takes over, and the older one may write no more`() throws {
        let network = try AccessNetwork("own", hosts: 1)
        let first = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let second = try OwnerSession(network.router, items: [])
        #expect(throws: (any Error).self) { try first.add(network.authorization("bob", host: 1)) }
        let subscribers = try network.router.show(.subscribers, RouterSubscribersDocument.self)
        #expect(subscribers.authorizations.isEmpty)
        _ = second
    }

    @Test func `entries of an owner that disconnected stand`() throws {
        let network = try AccessNetwork("dis", hosts: 1)
        var owner: OwnerSession? = try OwnerSession(
            network.router, items: [network.authorization("alice", host: 1)])
        #expect(owner != nil)
        owner = nil
        let isGone = try eventually(within: .seconds(2)) {
            try network.router.show(.status, RouterStatusDocument.self).owners.first?.connected == false
        }
        #expect(isGone)
        let viewer = try network.viewer(1)
        let isOpen = try eventually(within: .seconds(2)) { try network.installedOutputs() == ["a1"] }
        #expect(isOpen)
        _ = viewer
    }
}
