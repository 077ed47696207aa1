import CSystemShims
import Clockwork
import ControlProtocol
import Glibc
import GroupMembership
import Lab
import LinuxIO
import Netlink
import Testing
import Wire

/// The router's life: killed, restarted, reconfigured, with interfaces that come and go.
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct LifeTests {
    @Test func `a killed router loses no packet where a keeper holds its socket`() throws {
        let network = try AccessNetwork("kil", keeper: true)
        var owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender(packetsPerSecond: 2000)
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(2)))
        for _ in 1...3 {
            try network.router.kill()
            #expect(try viewer.receives(within: .milliseconds(200)), "the kernel forwards without a router")
            try network.router.start()
            owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
            #expect(try viewer.receives(within: .milliseconds(200)))
        }
        let goesOn = try eventually(within: .seconds(3)) {
            try viewer.receives(within: .milliseconds(50)) && viewer.numbers.count > 500
        }
        #expect(goesOn)
        #expect(viewer.gaps == 0)
        #expect(try network.installedOutputs() == ["a1"])
        _ = owner
    }

    @Test func `a subscriber revoked while the router was dead is cut when the owner has spoken`() throws {
        let network = try AccessNetwork("cut", keeper: true)
        var owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(2)))
        try network.router.kill()
        try network.router.start()
        #expect(try viewer.receives(within: .milliseconds(200)))
        owner = try OwnerSession(network.router, items: [])
        #expect(try viewer.fallsSilent(within: .milliseconds(200)))
        _ = owner
    }

    @Test func `SIGTERM leaves forwarding as it is where a keeper holds the socket, SIGINT ends it`() throws {
        let network = try AccessNetwork("end", keeper: true)
        var owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(2)))
        try network.router.kill(SIGTERM)
        #expect(network.router.process?.status == 0)
        #expect(try viewer.receives(within: .milliseconds(200)))
        try network.router.start()
        owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        try network.router.kill(SIGINT)
        #expect(network.router.process?.status == 0)
        #expect(try viewer.fallsSilent(within: .seconds(1)))
        #expect(try network.router.installedEntryCount() == 0)
        #expect(viewer.gaps == 0)
        _ = owner
    }

    @Test func `without a keeper nothing is left in the kernel`() throws {
        let network = try AccessNetwork("non")
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(2)))
        try network.router.kill(SIGTERM)
        #expect(try viewer.fallsSilent(within: .seconds(1)))
        #expect(try network.router.installedEntryCount() == 0)
        _ = owner
    }

    @Test func `an interface that vanishes and returns works again, and its old number opens nothing`() throws {
        let network = try AccessNetwork("van")
        let owner = try OwnerSession(
            network.router,
            items: [network.authorization("alice", host: 1), network.authorization("bob", host: 2)])
        let sender = try network.sender()
        defer { sender.stop() }
        let (alice, bob) = (try network.viewer(1), try network.viewer(2))
        try #require(try alice.receives(within: .seconds(2)))
        try #require(try bob.receives(within: .seconds(2)))
        try network.router.node.ip("link", "delete", "a1")
        let isGone = try eventually(within: .seconds(2)) { try network.installedOutputs() == ["a2"] }
        #expect(isGone)
        // A stranger takes the first new interface: it gets nothing without a report.
        let host = network.host(1)
        try network.lab.link(Lab.End(network.router.node, "a1", "10.3.1.1/24"), Lab.End(host, "eth0", "10.3.1.10/24"))
        let isUp = try eventually(within: .seconds(2)) {
            try network.router.show(.interfaces, InterfacesDocument.self).interfaces
                .contains { $0.name == "a1" && $0.operStatus == "up" && $0.isQuerier == true }
        }
        #expect(isUp)
        let silent = try Receiver(on: host)
        #expect(try !silent.receives(within: .milliseconds(300)))
        #expect(try network.installedOutputs() == ["a2"])
        let again = try network.viewer(1)
        #expect(try again.receives(within: .seconds(2)))
        try bob.drain()
        #expect(bob.gaps == 0)
        _ = owner
    }

    @Test func `a configuration that is not valid changes nothing, a valid one takes effect`() throws {
        let network = try AccessNetwork("rel")
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(2)))
        try network.router.reload("node: r\nrouter:\n  interfases: {}\n")
        let isRefused = try eventually(within: .seconds(2)) { try network.router.counter("refused-reloads") == 1 }
        #expect(isRefused)
        #expect(network.router.log.contains("interfaces"), "the log suggests the right key: \(network.router.log)")
        #expect(try viewer.receives(within: .milliseconds(200)))
        try network.router.reload(interfaces: "    up0: {pim: {}}\n    a1: {igmp: {single-host: true}}")
        let isGone = try eventually(within: .seconds(2)) {
            try network.router.show(.interfaces, InterfacesDocument.self).interfaces.map(\.name) == ["a1", "up0"]
        }
        #expect(isGone)
        #expect(try viewer.receives(within: .milliseconds(200)))
        #expect(viewer.gaps == 0)
        _ = owner
    }

    @Test func `somebody else's change of the table is put right`() throws {
        let network = try AccessNetwork("dis")
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let viewer = try network.viewer(1)
        let isOpen = try eventually(within: .seconds(2)) { try network.installedOutputs() == ["a1"] }
        try #require(isOpen)
        let key = ForwardingKey(source: AccessNetwork.source, group: AccessNetwork.group)
        let refused = try network.router.node.inNamespace { try ForwardingCache().apply([.remove(key)]) }
        #expect(refused == [])
        let isBack = try eventually(within: .seconds(1)) { try network.installedOutputs() == ["a1"] }
        #expect(isBack)
        #expect(network.router.log.contains("entry-disturbed"))
        _ = (owner, viewer)
    }

    @Test func `systemd hears that the router is ready and keeps its socket`() throws {
        let path = "/tmp/mrp-notify-\(getpid()).sock"
        let manager = try FakeServiceManager(path: path)
        let network = try AccessNetwork("sys", environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"])
        let messages = try manager.messages(until: { $0.contains { $0.hasPrefix("READY=1") } })
        #expect(messages.contains { $0.contains("FDSTORE=1") && $0.contains("FDNAME=mroute-ipv4-0") })
        #expect(manager.stored == 1)
        let more = try manager.messages(until: { $0.contains("WATCHDOG=1") })
        #expect(more.contains("WATCHDOG=1"))
        _ = network
    }
}

/// A datagram socket that plays systemd's part of sd_notify(3).
private final class FakeServiceManager {
    private let descriptor: FileDescriptor
    private let path: String
    private var heard: [String] = []
    /// Descriptors that came with messages.
    private(set) var stored = 0

    init(path: String) throws {
        self.path = path
        unlink(path)
        let opened = try FileDescriptor.socket(family: AF_UNIX, type: CInt(SOCK_DGRAM.rawValue))
        let number = opened.number
        try shimCall("bind") { mrp_unix_bind(number, path) }
        descriptor = opened
    }

    deinit { unlink(path) }

    func messages(until isEnough: ([String]) -> Bool) throws -> [String] {
        let end = MonotonicClock.now() + .seconds(5)
        while !isEnough(heard), MonotonicClock.now() < end {
            do throws(SystemError) {
                let (message, descriptors) = try descriptor.receive(upTo: 4096)
                heard.append(String(decoding: message, as: UTF8.self))
                stored += descriptors.count
            } catch  where error.isWouldBlock {
                usleep(10_000)
            }
        }
        return heard
    }
}
