import Glibc
import Lab
import LinuxIO
import Netlink
import Testing
import Wire

@Suite(.needsNamespaces)
struct NetworkTests {
    @Test func `a dump shows links with their kind, state, bridge and peer`() throws {
        let network = try TestNetwork("node")
        let (first, second) = try network.link(("node", "v0", "10.0.0.1/24"), ("node", "v1", nil))
        try network.inside("node") {
            try check(["ip", "link", "add", "br0", "type", "bridge"])
            try check(["ip", "link", "set", "v1", "master", "br0"])
            let configuration = try NetworkConfiguration()
            let bridge = try #require(try configuration.link(named: "br0"))
            #expect(bridge.isBridge)
            #expect(!bridge.isUp)
            let link = try #require(try configuration.link(named: "v0"))
            #expect(link.kind == "veth")
            #expect(link.isUp && link.isRunning && link.isMulticast && !link.isLoopback)
            #expect(link.peer == second.index)
            #expect(link.mtu == 1500)
            #expect(link.hardwareAddress != nil)
            #expect(try configuration.link(named: "v1")?.controller == bridge.index)
            #expect(try configuration.links().map(\.index) == configuration.links().map(\.index).sorted())
            #expect(try configuration.link(named: "lo")?.isLoopback == true)
            let mine = try configuration.addresses().filter { $0.interface == first.index && $0.address.v4 != nil }
            #expect(mine.map(\.address) == [address("10.0.0.1")])
            #expect(mine.map(\.prefix) == [IPPrefix("10.0.0.0/24")])
        }
    }

    @Test func `links, addresses and routes are followed as they change`() throws {
        let network = try TestNetwork("node")
        try network.inside("node") {
            let monitor = try NetworkMonitor()
            let configuration = try NetworkConfiguration()
            try configuration.addVethPair("v0", "v1")
            var heard = try events(monitor)
            #expect(names(heard).contains("v0") && names(heard).contains("v1"))
            let link = try #require(try configuration.link(named: "v0"))

            try check(["ip", "link", "set", "v0", "name", "renamed"])
            #expect(names(try events(monitor)) == ["renamed"])

            try configuration.setUp(link.index)
            heard = try events(monitor)
            #expect(heard.contains { if case .linkSet(let set) = $0 { set.isUp && !set.isRunning } else { false } })

            try configuration.add(address("10.0.0.1"), prefixLength: 24, to: link.index)
            heard = try events(monitor)
            let added = InterfaceAddress(
                interface: link.index, address: address("10.0.0.1"), prefixLength: 24, isSecondary: false)
            #expect(heard.contains(.addressSet(added)))

            try check(["ip", "address", "del", "10.0.0.1/24", "dev", "renamed"])
            #expect(try events(monitor).contains(.addressRemoved(added)))

            try configuration.remove(link.index)
            #expect(try events(monitor).contains(.linkRemoved(link.index)))
        }
    }

    @Test func `a port that leaves its bridge is a changed link, not a removed one`() throws {
        let network = try TestNetwork("node")
        try network.link(("node", "v0", nil), ("node", "v1", nil))
        try network.inside("node") {
            try check(["ip", "link", "add", "br0", "type", "bridge"])
            let monitor = try NetworkMonitor()
            try check(["ip", "link", "set", "v1", "master", "br0"])
            let bridge = try #require(try NetworkConfiguration().link(named: "br0"))
            var heard = try events(monitor)
            #expect(
                heard.contains { if case .linkSet(let link) = $0 { link.controller == bridge.index } else { false } })
            try check(["ip", "link", "set", "v1", "nomaster"])
            heard = try events(monitor)
            #expect(!heard.contains { if case .linkRemoved = $0 { true } else { false } })
            #expect(
                heard.contains {
                    if case .linkSet(let link) = $0 { link.name == "v1" && link.controller == nil } else { false }
                })
        }
    }

    @Test func `many route changes are few events`() throws {
        let network = try TestNetwork("node")
        try network.link(("node", "v0", "10.0.0.1/24"), ("node", "v1", nil))
        try network.inside("node") {
            let monitor = try NetworkMonitor()
            let routes = (0..<100).map { "route add 10.9.\($0).0/24 via 10.0.0.2\n" }.joined()
            try check(["ip", "-batch", "-"], input: routes)
            // One a receive, which takes some thirty datagrams.
            let heard = try events(monitor).filter { $0 == .routesChanged }
            #expect((1...10).contains(heard.count))
        }
    }

    @Test func `the way towards a source names interface and next hop`() throws {
        let network = try TestNetwork("node")
        let (first, second) = try network.link(("node", "v0", "10.0.0.1/24"), ("node", "v1", "10.5.0.1/24"))
        try network.inside("node") {
            try check(["ip", "route", "add", "10.9.0.0/16", "via", "10.5.0.9"])
            try check(["ip", "route", "add", "unreachable", "10.8.0.0/16"])
            try check(["ip", "route", "add", "blackhole", "10.7.0.0/16"])
            let lookup = try RouteLookup()
            let onLink = try #require(try lookup.path(to: address("10.0.0.77")))
            #expect(onLink.interface == first.index)
            #expect(onLink.gateway == nil)
            #expect(onLink.preferredSource == address("10.0.0.1"))
            #expect(!onLink.isLocal)
            let far = try #require(try lookup.path(to: address("10.9.1.2")))
            #expect(far.interface == second.index)
            #expect(far.gateway == address("10.5.0.9"))
            #expect(try lookup.path(to: address("10.0.0.1"))?.isLocal == true)
            for text in ["192.0.2.1", "10.8.0.1", "10.7.0.1"] { #expect(try lookup.path(to: address(text)) == nil) }
        }
    }

    @Test func `a neighbour's MAC address is found by its IP address`() throws {
        let network = try TestNetwork("node")
        let (first, _) = try network.link(("node", "v0", "10.0.0.1/24"), ("node", "v1", nil))
        try network.inside("node") {
            try check(["ip", "neighbor", "add", "10.0.0.7", "lladdr", "02:00:00:00:00:07", "dev", "v0"])
            let lookup = try RouteLookup()
            let hardwareAddress = try #require(MACAddress("02:00:00:00:00:07"))
            #expect(try lookup.hardwareAddress(of: address("10.0.0.7"), on: first.index) == hardwareAddress)
            #expect(try lookup.hardwareAddress(of: address("10.0.0.8"), on: first.index) == nil)
            #expect(try lookup.hardwareAddress(of: address("10.0.0.7"), on: InterfaceIndex(999)) == nil)
            let known = NetworkNeighbor(
                interface: first.index, address: address("10.0.0.7"), hardwareAddress: hardwareAddress)
            #expect(try NetworkConfiguration().neighbors().filter { $0.address.v4 != nil } == [known])
        }
    }

    @Test func `what cannot be made is refused with its reason`() throws {
        let network = try TestNetwork("node")
        try network.link(("node", "v0", nil), ("node", "v1", nil))
        try network.inside("node") {
            let configuration = try NetworkConfiguration()
            #expect(throws: SystemError(call: "RTM_NEWLINK", errno: EEXIST)) {
                try configuration.addVethPair("v0", "v9")
            }
            #expect(throws: SystemError(call: "RTM_NEWLINK", errno: EINVAL)) {
                try configuration.addVethPair(String(repeating: "n", count: 16), "v9")
            }
            #expect(throws: SystemError(call: "RTM_DELLINK", errno: ENODEV)) {
                try configuration.remove(InterfaceIndex(999))
            }
            #expect(throws: SystemError(call: "RTM_NEWADDR", errno: EINVAL)) {
                try configuration.add(address("10.0.0.1"), prefixLength: 33, to: InterfaceIndex(1))
            }
        }
    }

    /// Requests are answered after their events were queued, so what a call caused is there when it returns.
    private func events(_ monitor: NetworkMonitor) throws -> [NetworkEvent] {
        var all: [NetworkEvent] = []
        while true {
            let some = monitor.receive()
            if some.isEmpty { return all }
            all += some
        }
    }

    private func names(_ events: [NetworkEvent]) -> Set<String> {
        Set(events.compactMap { if case .linkSet(let link) = $0 { link.name } else { nil } })
    }
}
