import Clockwork
import ControlProtocol
import GroupMembership
import Lab
import LinuxIO
import Testing
import Wire

/// The router as a whole, on real packets: who gets a stream, when, and when no more.
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct AdmissionTests {
    @Test func `an authorized report opens its port, and packets arrive`() throws {
        let network = try AccessNetwork("adm")
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        #expect(try viewer.receives(within: .seconds(2)))
        #expect(try network.installedOutputs() == ["a1"])
        let steps = try network.router.explain("alice", AccessNetwork.tree).steps
        #expect(steps.allSatisfy { $0.state == .ok }, "\(steps)")
        _ = owner
    }

    @Test func `an unauthorized report is counted and opens nothing`() throws {
        let network = try AccessNetwork("una")
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let entitled = try network.viewer(1)
        let intruder = try network.viewer(2)
        #expect(try entitled.receives(within: .seconds(2)))
        let isRefused = try eventually(within: .seconds(2)) {
            try network.router.counter("refused-unknown-subscriber-address") > 0
        }
        #expect(isRefused)
        #expect(try !intruder.receives(within: .milliseconds(500)))
        #expect(try network.installedOutputs() == ["a1"])
        _ = owner
    }

    @Test func `an authorization that comes later admits without a new report`() throws {
        let network = try AccessNetwork("lat")
        let owner = try OwnerSession(network.router)
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        let isRefused = try eventually(within: .seconds(2)) {
            try network.router.counter("refused-no-authorization") > 0
        }
        #expect(isRefused)
        #expect(try !viewer.receives(within: .milliseconds(200)))
        let reports = try network.router.counter("igmp-v3-reports-received", on: "a1")
        try owner.add(network.authorization("alice", host: 1))
        #expect(try network.installedOutputs() == ["a1"], "applied means: the kernel has it")
        #expect(try viewer.receives(within: .milliseconds(500)))
        #expect(try network.router.counter("igmp-v3-reports-received", on: "a1") == reports)
    }

    @Test func `a revoked authorization closes the port within a second, and nobody else notices`() throws {
        let network = try AccessNetwork("rev")
        let alice = network.authorization("alice", host: 1)
        let owner = try OwnerSession(network.router, items: [alice, network.authorization("bob", host: 2)])
        let sender = try network.sender()
        defer { sender.stop() }
        let (revoked, other) = (try network.viewer(1), try network.viewer(2))
        try #require(try revoked.receives(within: .seconds(2)))
        try #require(try other.receives(within: .seconds(2)))
        try owner.remove(alice)
        #expect(try network.installedOutputs() == ["a2"])
        #expect(try revoked.fallsSilent(within: .seconds(1)))
        #expect(try other.receives(within: .milliseconds(200)))
        #expect(other.gaps == 0)
    }

    @Test func `the router ends an authorization by itself when it expires`() throws {
        let network = try AccessNetwork("exp")
        guard case .authorization(var short) = network.authorization("alice", host: 1) else { return }
        short.expires = WallClock.now() + .milliseconds(1500)
        let owner = try OwnerSession(network.router, items: [.authorization(short)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        try #require(try viewer.receives(within: .seconds(1)))
        #expect(try viewer.fallsSilent(within: .seconds(3)))
        #expect(try network.router.counter("refused-authorization-expired") > 0)
        _ = owner
    }

    @Test func `a leave of the only host closes the port at once`() throws {
        let network = try AccessNetwork("lea")
        let owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        let sender = try network.sender()
        defer { sender.stop() }
        let viewer = try network.viewer(1)
        let witness = try Receiver(on: network.host(1))
        try #require(try viewer.receives(within: .seconds(2)))
        let isOpen = try network.installedOutputs() == ["a1"]
        #expect(isOpen)
        try viewer.leave(AccessNetwork.group, AccessNetwork.source)
        // Well before the two last-member queries of a second each.
        let isClosed = try eventually(within: .milliseconds(500)) { try network.installedOutputs() != ["a1"] }
        #expect(isClosed)
        _ = (owner, witness)
    }

    @Test func `the owner of a local tree hears of the demand for it`() throws {
        let network = try AccessNetwork("dem")
        let owner = try OwnerSession(
            network.router, items: [network.authorization("alice", host: 1), .localTree(tree: AccessNetwork.tree)])
        #expect(try owner.nextDemand() == TreeDemand(tree: AccessNetwork.tree, outputPorts: 0))
        let viewer = try network.viewer(1)
        #expect(try owner.nextDemand() == TreeDemand(tree: AccessNetwork.tree, outputPorts: 1))
        try viewer.leave(AccessNetwork.group, AccessNetwork.source)
        #expect(try owner.nextDemand() == TreeDemand(tree: AccessNetwork.tree, outputPorts: 0))
    }
}
