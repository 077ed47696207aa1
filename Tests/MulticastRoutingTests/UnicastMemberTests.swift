import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import PIM
import Testing
import Wire

@Suite struct `unicast members` {
    private static let delivery = InterfaceIndex(9)
    private static let viewer = IPAddress.v4(EngineHarness.host)

    private static var configuration: RoutingConfiguration {
        var configuration = EngineHarness.configuration
        configuration.interfaces.append(.init(name: "delivery", isDelivery: true))
        return configuration
    }

    private static let link = EngineHarness.link(delivery, "delivery", IPv4Address(10, 255, 1, 1))

    private func point(
        _ configuration: RoutingConfiguration = Self.configuration,
        kernel: KernelForwardingState = KernelForwardingState()
    ) -> EngineHarness {
        EngineHarness(configuration, links: EngineHarness.links + [Self.link], kernel: kernel)
    }

    private func member(
        _ router: EngineHarness, _ subscriber: String = "ann", _ address: IPAddress = Self.viewer,
        tree: SourceGroup = EngineHarness.tree
    ) -> RouterFeedItem {
        .unicastMember(UnicastMember(tree: tree, subscriber: subscriber, address: address, since: router.time.wall))
    }

    @Test func `an authorized viewer makes the delivery interface an output, and the last one takes it back`() {
        var router = point()
        router.publish(router.authorization(), router.authorization("bob", host: IPv4Address(10, 3, 0, 11)))
        #expect(router.outputs() == nil)
        let second = member(router, "bob", .v4(IPv4Address(10, 3, 0, 11)))
        let first = member(router)
        router.publish(first)
        #expect(router.outputs() == [Self.delivery])
        router.publish(second)
        router.withdraw(first)
        #expect(router.outputs() == [Self.delivery])
        router.withdraw(second)
        #expect(router.outputs() == nil)
        #expect(router.engine.statusDocument(at: router.time).trees == 0)
    }

    @Test func `unicast and multicast viewers share one entry`() {
        var router = point()
        router.publish(router.authorization(), member(router))
        router.join()
        #expect(router.outputs() == [EngineHarness.lan, Self.delivery])
        router.withdraw(member(router))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `what was announced before its authorization is admitted with it`() {
        var router = point()
        router.publish(member(router))
        #expect(router.outputs() == nil)
        router.publish(router.authorization())
        #expect(router.outputs() == [Self.delivery])
        #expect(router.appliedRevisions.count == 3)
    }

    @Test func `a revoked authorization ends the member at once, an expired one within a second`() {
        var router = point()
        router.publish(router.authorization(), member(router))
        router.withdraw(router.authorization())
        #expect(router.outputs() == nil)
        router.publish(router.authorization(lasting: .seconds(20)))
        #expect(router.outputs() == [Self.delivery])
        router.advance(by: .milliseconds(19_900))
        #expect(router.outputs() == [Self.delivery])
        router.advance(by: .seconds(1))
        #expect(router.outputs() == nil)
        let entry = router.engine.groupsDocument(at: router.time).groups.first?.ports.first?.hosts.first
        #expect(entry?.reason == "authorization-expired")
    }

    @Test func `the calendar put back lets an ended authorization hold again`() {
        var router = point()
        router.publish(router.authorization(lasting: .seconds(20)), member(router))
        router.stepCalendar(by: .seconds(30))
        router.handle(.tick)
        #expect(router.outputs() == nil)
        router.stepCalendar(by: .seconds(-30))
        router.handle(.tick)
        #expect(router.outputs() == [Self.delivery])
    }

    @Test(arguments: [
        ("bob", IPv4Address(10, 3, 0, 10), "no-authorization"),
        ("ann", IPv4Address(10, 3, 0, 99), "unknown-subscriber-address"),
    ])
    func `a stranger is refused by name`(subscriber: String, address: IPv4Address, reason: String) throws {
        var router = point()
        router.publish(router.authorization(), member(router, subscriber, .v4(address)))
        #expect(router.outputs() == nil)
        let host = try #require(router.engine.groupsDocument(at: router.time).groups.first?.ports.first?.hosts.first)
        #expect([host.verdict, host.reason] == ["refused", reason])
        let counters = router.engine.countersDocument().router
        #expect(counters.first { $0.name == "refused-\(reason)" }?.count == 1)
        let refused = router.engine.subscribersDocument(at: router.time).refused
        #expect(refused.map(\.reason) == [reason])
    }

    @Test func `the point's own interest needs no authorization`() {
        var router = point()
        router.publish(member(router, UnicastMember.ownInterest, .v4(IPv4Address(10, 255, 1, 1))))
        #expect(router.outputs() == [Self.delivery])
        router.advance(by: .seconds(3600))
        #expect(router.outputs() == [Self.delivery])
    }

    @Test func `without a delivery interface the member is refused, and admitted when one is configured`() {
        var router = EngineHarness(links: EngineHarness.links + [Self.link])
        router.publish(router.authorization(), member(router))
        #expect(router.outputs() == nil)
        #expect(
            router.engine.countersDocument().router.first { $0.name == "refused-no-delivery-interface" }?.count == 1)
        router.handle(.configurationChanged(Self.configuration))
        #expect(router.outputs() == [Self.delivery])
        router.handle(.configurationChanged(EngineHarness.configuration))
        #expect(router.outputs() == nil)
        #expect(router.engine.statusDocument(at: router.time).trees == 0)
    }

    @Test func `a delivery interface that vanishes and returns is used again`() {
        var router = point()
        router.publish(router.authorization(), member(router))
        router.handle(.interfaceRemoved(Self.delivery))
        #expect(router.outputs() == nil)
        let other = InterfaceIndex(10)
        router.handle(.interfaceChanged(EngineHarness.link(other, "delivery", IPv4Address(10, 255, 1, 1))))
        #expect(router.outputs() == [other])
    }

    @Test func `members beyond the limit are refused with a counter and get their turn`() {
        var configuration = Self.configuration
        configuration.limits.unicastMembers = 1
        var router = point(configuration)
        let other = SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(232, 1, 1, 2)))
        let second = member(router, UnicastMember.ownInterest, tree: other)
        let first = member(router, UnicastMember.ownInterest)
        router.publish(first, second)
        let isFirst = router.outputs() != nil
        #expect(router.installed.count == 1)
        let counters = router.engine.countersDocument().router
        #expect(counters.first { $0.name == "unicast-members-limit" }?.count == 1)
        #expect(counters.first { $0.name == "refused-unicast-member-limit" }?.count == 1)
        router.withdraw(isFirst ? first : second)
        #expect(router.outputs(of: isFirst ? other : EngineHarness.tree) == [Self.delivery])
        #expect(router.installed.count == 1)
    }

    @Test func `items that make no sense are counted and ignored`() {
        var router = point()
        let group = SourceGroup(source: nil, group: EngineHarness.group)
        router.publish(member(router, "-", tree: group), member(router, ""), member(router, "-", EngineHarness.group))
        #expect(router.installed.isEmpty)
        #expect(router.engine.countersDocument().router.first { $0.name == "feed-items-invalid" }?.count == 3)
    }

    // MARK: Restart

    private static let found = KernelForwardingState(
        virtualInterfaces: [EngineHarness.upstream, EngineHarness.lan, EngineHarness.lan2, delivery],
        entries: [EngineHarness.tree: KernelEntry(incoming: EngineHarness.upstream, outgoing: [delivery])])

    @Test func `after a restart the port is kept until the owner has spoken`() {
        var router = point(kernel: Self.found)
        router.advance(by: .seconds(50))
        #expect(router.outputs() == [Self.delivery])
        router.present(router.authorization(), member(router))
        router.advance(by: .seconds(100))
        #expect(router.outputs() == [Self.delivery])
        #expect(!router.events.contains(.entryRemoved(EngineHarness.tree)))
    }

    @Test func `a snapshot without the member closes the port at once, silence after a minute`() {
        var router = point(kernel: Self.found)
        router.present(router.authorization())
        #expect(router.outputs() == nil)
        router = point(kernel: Self.found)
        router.advance(by: .seconds(61))
        #expect(router.outputs() == nil)
    }

    // MARK: Showing

    @Test func `demand counts the delivery interface as one port`() {
        var router = point()
        router.publish(
            .localTree(tree: EngineHarness.tree), member(router, "-"), member(router, "-", EngineHarness.source))
        #expect(router.demands.last == 1)
        router.withdraw(member(router, "-"), member(router, "-", EngineHarness.source))
        #expect(router.demands.last == 0)
    }

    @Test func `groups, routes and subscribers list the viewer as a host by http`() throws {
        var router = point()
        router.publish(router.authorization(), member(router))
        router.advance(by: .seconds(7))
        let port = try #require(router.engine.groupsDocument(at: router.time).groups.first?.ports.first)
        #expect([port.interface, port.origin, port.version] == ["delivery", "unicast", "http"])
        #expect(port.forwarding)
        let host = try #require(port.hosts.first)
        #expect([host.subscriber, host.version, host.verdict] == ["ann", "http", "admitted"])
        #expect(abs(host.upTime - 7) < 0.01)
        #expect(abs(host.expire - 3593) < 0.01)
        let route = try #require(router.engine.routesDocument(at: router.time).routes.first)
        #expect(route.origin == "wanted")
        #expect(route.outgoingInterfaces.map(\.origins) == [["unicast"]])
        let entry = try #require(router.engine.subscribersDocument(at: router.time).authorizations.first)
        #expect(entry.state == "member")
        #expect(entry.memberships.map(\.interface) == ["delivery"])
    }

    @Test func `an explanation says that the subscriber watches by unicast`() throws {
        var router = point()
        router.publish(router.authorization(), member(router))
        let steps = router.engine.explain(subscriber: "ann", tree: EngineHarness.tree, at: router.time).steps
        let report = try #require(steps.first { $0.name == "report" })
        #expect(report.state == .ok)
        #expect(report.detail.contains("watches by unicast"))
        #expect(steps.first { $0.name == "forwarding-entry" }?.detail.contains("to delivery") == true)
        router.withdraw(router.authorization())
        let later = router.engine.explain(subscriber: "ann", tree: EngineHarness.tree, at: router.time)
        #expect(later.steps.first { $0.name == "admission" }?.reason == "no-authorization")
    }

    @Test func `an interface for delivery carries nothing that nobody watches`() {
        var router = point()
        router.publish(router.authorization())
        router.join()
        #expect(router.outputs() == [EngineHarness.lan])
    }
}
