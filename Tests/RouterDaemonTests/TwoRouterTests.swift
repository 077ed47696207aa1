import Clockwork
import ControlProtocol
import Glibc
import Lab
import LinuxIO
import Testing
import Wire

/// PIM between two real routers, from the proxy's side to the viewers'.
///
/// ```
///  source ── up0 ─ first ─ down0 ── up0 ─ last ─┬─ a1 ── h1
///                                               └─ a2 ── h2
/// ```
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct TwoRouterTests {
    private let pim = "{hello-interval: 1s, join-prune-interval: 5s, propagation-delay: 50ms, override-interval: 100ms}"

    @Test func `a join travels upstream, one copy crosses the link, and the last leave prunes it`() throws {
        let lab = try Lab("pim")
        defer { lab.tearDown() }
        let (firstNode, lastNode, source) = (try lab.node("f"), try lab.node("l"), try lab.node("s"))
        try lab.link(Lab.End(source, "eth0", "10.1.0.10/24"), Lab.End(firstNode, "up0", "10.1.0.1/24"))
        try lab.link(Lab.End(firstNode, "down0", "10.2.0.1/24"), Lab.End(lastNode, "up0", "10.2.0.2/24"))
        try source.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        try lastNode.ip("route", "add", "10.1.0.0/24", "via", "10.2.0.1")
        var hosts: [Node] = []
        for number in 1...2 {
            let host = try lab.node("h\(number)")
            try lab.link(
                Lab.End(lastNode, "a\(number)", "10.3.\(number).1/24"), Lab.End(host, "eth0", "10.3.\(number).10/24"))
            try host.ip("route", "add", "default", "via", "10.3.\(number).1")
            hosts.append(host)
        }
        let first = try RouterProgram(firstNode, interfaces: "    up0: {pim: \(pim)}\n    down0: {pim: \(pim)}")
        let last = try RouterProgram(
            lastNode,
            interfaces:
                "    up0: {pim: \(pim)}\n    a1: {igmp: {single-host: true}}\n    a2: {igmp: {single-host: true}}")
        try first.start()
        try last.start()
        let areNeighbors = try eventually(within: .seconds(8)) {
            try first.show(.neighbors, NeighborsDocument.self).neighbors.map(\.address) == [
                .v4(IPv4Address(10, 2, 0, 2))
            ]
                && last.show(.neighbors, NeighborsDocument.self).neighbors.map(\.address)
                    == [.v4(IPv4Address(10, 2, 0, 1))]
        }
        try #require(areNeighbors, "\(first.log) \(last.log)")

        let expires = WallClock.now() + .seconds(3600)
        let items: [RouterFeedItem] = (1...2).map { number in
            .authorization(
                RouterAuthorization(
                    subscriber: "viewer-\(number)",
                    binding: SubscriberBinding(addresses: [.v4(AccessNetwork.address(ofHost: number))]),
                    tree: AccessNetwork.tree, expires: expires))
        }
        let owner = try OwnerSession(last, items: items)
        let sender = try Sender(on: source, to: AccessNetwork.group, packetsPerSecond: 500)
        defer { sender.stop() }
        let backbone = try PacketCounter("backbone", in: lastNode, on: "up0", direction: .ingress)
        #expect(try backbone.read().packets == 0)

        let viewers = try hosts.map { try Receiver(on: $0) }
        for viewer in viewers { try viewer.join(AccessNetwork.group, AccessNetwork.source) }
        for viewer in viewers { #expect(try viewer.receives(within: .seconds(2))) }
        #expect(try first.installedOutputs(of: AccessNetwork.tree) == ["down0"])
        #expect(try last.installedOutputs(of: AccessNetwork.tree) == ["a1", "a2"])
        let sentBefore = sender.count
        let crossedBefore = try backbone.read().packets
        usleep(500_000)
        let (sent, crossed) = (sender.count - sentBefore, try backbone.read().packets - crossedBefore)
        #expect(crossed <= sent + 20, "one copy: \(crossed) crossed of \(sent)")

        for viewer in viewers { try viewer.leave(AccessNetwork.group, AccessNetwork.source) }
        let isPruned = try eventually(within: .seconds(3)) {
            try first.installedOutputs(of: AccessNetwork.tree)?.isEmpty != false
        }
        #expect(isPruned)
        #expect(try last.show(.groups, GroupsDocument.self).groups.isEmpty)
        _ = owner
    }
}
