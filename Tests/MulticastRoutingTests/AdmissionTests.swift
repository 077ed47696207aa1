import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import Testing
import Wire

@Suite struct `admission` {
    @Test func `an authorized host that joins gets the tree`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join()
        #expect(router.installed[EngineHarness.tree]?.incoming == EngineHarness.upstream)
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a join without an authorization opens nothing and is counted with its reason`() {
        var router = EngineHarness()
        router.join()
        #expect(router.installed.isEmpty)
        #expect(router.engine.counters[.noAuthorization] == 1)
    }

    @Test func `an authorization that comes late admits without a new report`() {
        var router = EngineHarness()
        router.join()
        router.publish(router.authorization())
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a leave closes the port at once and empties the table`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join()
        router.leave()
        #expect(router.installed.isEmpty)
    }

    @Test func `a revoked authorization closes the port at once`() {
        var router = EngineHarness()
        let authorization = router.authorization()
        router.publish(authorization)
        router.join()
        router.withdraw(authorization)
        #expect(router.installed.isEmpty)
        #expect(router.engine.counters[.noAuthorization] == 1)
    }

    @Test func `an authorization ends by itself, and no later than a second after its time`() {
        var router = EngineHarness()
        router.publish(router.authorization(lasting: .seconds(30)))
        router.join()
        router.advance(by: .seconds(29))
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(2))
        #expect(router.installed.isEmpty)
        #expect(router.engine.counters[.authorizationExpired] == 1)
    }

    @Test func `a renewed authorization does not end at its old time`() {
        var router = EngineHarness()
        router.publish(router.authorization(lasting: .seconds(30)))
        router.join()
        router.publish(router.authorization(lasting: .seconds(90)))
        router.advance(by: .seconds(60))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `two viewers on one port share its output, and the last to leave closes it`() {
        var router = EngineHarness()
        let other = IPv4Address(10, 3, 0, 11)
        router.publish(router.authorization(), router.authorization("bob", host: other))
        router.join()
        router.join(other)
        router.leave()
        #expect(router.outputs() == [EngineHarness.lan])
        router.leave(other)
        #expect(router.installed.isEmpty)
    }

    @Test func `revoking one viewer leaves the other on the port alone`() {
        var router = EngineHarness()
        let other = IPv4Address(10, 3, 0, 11)
        let ann = router.authorization()
        router.publish(ann, router.authorization("bob", host: other))
        router.join()
        router.join(other)
        router.clearLog()
        router.withdraw(ann)
        #expect(router.outputs() == [EngineHarness.lan])
        #expect(!router.log.contains { if case .program = $0 { true } else { false } })
    }

    @Test func `a binding holds its subscriber to an interface and to a bridge port`() {
        var router = EngineHarness()
        router.publish(router.authorization(interface: "lan2"))
        router.join()
        #expect(router.engine.counters[.wrongInterface] == 1)
        router.publish(router.authorization(bridgePort: "port7"))
        #expect(router.engine.counters[.wrongBridgePort] == 1)
        #expect(router.installed.isEmpty)
    }

    @Test func `a host on the bound bridge port is admitted`() {
        let bridgePort = InterfaceIndex(9)
        var port = EngineHarness.link(bridgePort, "port7", IPv4Address(0, 0, 0, 0))
        port.addresses = []
        port.bridge = EngineHarness.lan
        var router = EngineHarness(links: EngineHarness.links + [port])
        router.publish(router.authorization(bridgePort: "port7"))
        router.igmp(
            IGMPHostMessage.join(
                IPv4Address(232, 1, 1, 1), source: IPv4Address(10, 1, 0, 10), from: EngineHarness.host),
            bridgePort: bridgePort)
        #expect(router.outputs() == [EngineHarness.lan])
        router.handle(.interfaceRemoved(bridgePort))
        #expect(router.installed.isEmpty)
    }

    @Test func `a host known by its MAC is admitted once the neighbour table names it`() throws {
        var router = EngineHarness()
        let mac = try #require(MACAddress("02:00:00:00:00:07"))
        router.publish(router.authorization(host: IPv4Address(10, 9, 9, 9), mac: mac))
        router.join()
        #expect(router.installed.isEmpty)
        #expect(router.log.contains(.resolveNeighbor(EngineHarness.lan, .v4(EngineHarness.host))))
        router.handle(.neighborResolved(EngineHarness.lan, .v4(EngineHarness.host), mac))
        #expect(router.outputs() == [EngineHarness.lan])
        router.handle(.neighborResolved(EngineHarness.lan, .v4(EngineHarness.host), nil))
        #expect(router.installed.isEmpty)
    }

    @Test func `the reason tells another source of the group from a group nobody may have`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join(tree: SourceGroup(source: .v4(IPv4Address(10, 1, 0, 99)), group: EngineHarness.group))
        #expect(router.engine.counters[.sourceNotAuthorized] == 1)
        router.join(tree: SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(232, 1, 1, 2))))
        #expect(router.engine.counters[.noAuthorization] == 1)
        #expect(router.installed.isEmpty)
    }

    @Test func `a stranger on an authorized tree is told apart from a tree nobody may have`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join(IPv4Address(10, 3, 0, 66))
        #expect(router.installed.isEmpty)
        #expect(router.engine.counters[.unknownSubscriberAddress] == 1)
    }

    @Test func `an authorization without a source admits any source of its group`() {
        var router = EngineHarness()
        router.publish(router.authorization(tree: SourceGroup(source: nil, group: EngineHarness.group)))
        router.join()
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `an open interface admits anybody, a trusted downstream router too`() {
        var configuration = EngineHarness.configuration
        configuration.interfaces[1].admission = .open
        configuration.trustedDownstream = [IPPrefix("10.4.0.0/24")].compactMap(\.self)
        var router = EngineHarness(configuration)
        router.join()
        router.join(IPv4Address(10, 4, 0, 200), on: EngineHarness.lan2)
        #expect(router.outputs() == [EngineHarness.lan, EngineHarness.lan2])
    }

    // MARK: SSM mapping

    @Test func `a host of IGMPv2 is mapped to the source of its group`() {
        var router = EngineHarness()
        router.publish(
            router.authorization(), .sourceMapping(group: EngineHarness.group, source: EngineHarness.source))
        router.igmp(IGMPHostMessage.v2Report(IPv4Address(232, 1, 1, 1), from: EngineHarness.host))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a mapping that comes after the report serves it`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.igmp(IGMPHostMessage.v2Report(IPv4Address(232, 1, 1, 1), from: EngineHarness.host))
        #expect(router.engine.counters[.noSource] == 1)
        router.publish(.sourceMapping(group: EngineHarness.group, source: EngineHarness.source))
        #expect(router.outputs() == [EngineHarness.lan])
        router.withdraw(.sourceMapping(group: EngineHarness.group, source: EngineHarness.source))
        #expect(router.installed.isEmpty)
    }

    // MARK: The calendar

    @Test func `a calendar put forward ends authorizations, and one put back restores them`() {
        var router = EngineHarness()
        router.publish(router.authorization(lasting: .seconds(600)))
        router.join()
        router.stepCalendar(by: .seconds(3600))
        router.advance(by: .seconds(11))
        #expect(router.installed.isEmpty)
        router.stepCalendar(by: .seconds(-3600))
        router.advance(by: .seconds(11))
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(600))
        #expect(router.installed.isEmpty)
    }

    // MARK: Limits

    @Test func `refused memberships are remembered up to their limit`() {
        var configuration = EngineHarness.configuration
        configuration.limits.refusedMembershipsPerInterface = 5
        var router = EngineHarness(configuration)
        for last in 1...8 { router.join(IPv4Address(10, 3, 0, UInt8(10 + last))) }
        #expect(router.engine.statusDocument(at: router.time).refusedMemberships == 5)
        #expect(router.engine.counters.refusedMembershipLimit == 3)
    }

    @Test func `items that make no sense are counted and authorize nobody`() {
        var router = EngineHarness()
        router.publish(
            router.authorization(tree: SourceGroup(source: EngineHarness.source, group: EngineHarness.source)))
        let counters = router.engine.countersDocument().router
        #expect(counters.contains(NamedCount(name: "feed-items-invalid", count: 1)))
    }
}
