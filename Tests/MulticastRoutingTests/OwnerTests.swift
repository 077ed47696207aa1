import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import Testing
import Wire

@Suite struct `owners` {
    @Test func `a position is told when the kernel has made what follows from it`() {
        var router = EngineHarness()
        router.join()
        router.publish(.sourceMapping(group: EngineHarness.group, source: EngineHarness.source))
        router.clearLog()
        router.holdsAnswers = true
        router.publish(router.authorization())
        #expect(router.appliedRevisions == [])
        router.answer()
        #expect(router.appliedRevisions == [2])
    }

    @Test func `an authorization nobody uses yet is applied at once`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        #expect(router.appliedRevisions == [0, 1])
    }

    @Test func `an entry the kernel refuses does not hold the feed up`() {
        var router = EngineHarness()
        router.refusedTrees = [EngineHarness.tree]
        router.join()
        router.publish(router.authorization())
        #expect(router.appliedRevisions == [0, 1])
    }

    @Test func `positions of an owner are told in order`() {
        var router = EngineHarness()
        router.publish(.sourceMapping(group: EngineHarness.group, source: EngineHarness.source))
        router.join()
        router.holdsAnswers = true
        router.clearLog()
        router.publish(router.authorization())
        router.publish(router.authorization("bob", host: IPv4Address(10, 3, 0, 99)))
        #expect(router.appliedRevisions == [])
        router.answer()
        #expect(router.appliedRevisions == [2, 3])
    }

    @Test func `a feed with a hole is refused, and its owner's entries stand`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join()
        router.clearLog()
        router.handle(
            .ownerMessage(
                owner: EngineHarness.owner,
                .change(position: FeedPosition(epoch: "test", revision: 9), upserts: [], removals: [])))
        #expect(router.log.contains(.feedRefused(owner: EngineHarness.owner, .feed(.gap(have: 1, got: 9)))))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a snapshot replaces its owner's entries and nobody else's`() {
        var router = EngineHarness()
        router.publish(router.authorization())
        let other = router.authorization("bob", host: IPv4Address(10, 4, 0, 10))
        router.handle(
            .ownerMessage(
                owner: "operator", .snapshot(position: FeedPosition(epoch: "o", revision: 1), items: [other])))
        router.join()
        router.join(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        #expect(router.outputs() == [EngineHarness.lan, EngineHarness.lan2])
        router.handle(
            .ownerMessage(
                owner: "operator", .snapshot(position: FeedPosition(epoch: "o", revision: 2), items: [])))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a snapshot that repeats what is there disturbs nobody`() {
        var router = EngineHarness()
        let item = router.authorization()
        router.publish(item)
        router.join()
        router.clearLog()
        router.handle(
            .ownerMessage(
                owner: EngineHarness.owner, .snapshot(position: FeedPosition(epoch: "new", revision: 1), items: [item]))
        )
        #expect(!router.log.contains { if case .program = $0 { true } else { false } })
        #expect(router.appliedRevisions == [1])
    }

    @Test func `two owners may authorize the same, and the membership lives while one does`() {
        var router = EngineHarness()
        let item = router.authorization()
        router.publish(item)
        router.handle(
            .ownerMessage(owner: "operator", .snapshot(position: FeedPosition(epoch: "o", revision: 1), items: [item])))
        router.join()
        router.withdraw(item)
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `entries of an owner that disconnects stand until they end`() {
        var router = EngineHarness()
        router.publish(router.authorization(lasting: .seconds(100)))
        router.join()
        router.handle(.ownerDisconnected(EngineHarness.owner))
        router.advance(by: .seconds(99))
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(2))
        #expect(router.installed.isEmpty)
    }

    @Test func `more owners than may be are refused`() {
        var configuration = EngineHarness.configuration
        configuration.limits.owners = 2
        var router = EngineHarness(configuration)
        for name in ["a", "b", "c"] { router.handle(.ownerConnected(name)) }
        #expect(router.log.contains(.feedRefused(owner: "c", .tooManyOwners(limit: 2))))
        router.handle(.ownerDisconnected("a"))
        router.handle(.ownerConnected("c"))
        #expect(router.engine.statusDocument(at: router.time).owners.map(\.owner) == ["b", "c"])
    }

    @Test func `an owner with more items than may be keeps the last state that fitted`() {
        var configuration = EngineHarness.configuration
        configuration.limits.itemsPerOwner = 1
        var router = EngineHarness(configuration)
        router.publish(router.authorization())
        router.join()
        router.publish(router.authorization("bob", host: IPv4Address(10, 3, 0, 99)))
        #expect(
            router.log.contains(.feedRefused(owner: EngineHarness.owner, .feed(.tooManyItems(limit: 1)))))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    // MARK: Demand

    private func sending() -> EngineHarness {
        var router = EngineHarness(
            links: EngineHarness.links + [
                EngineHarness.link(InterfaceIndex(8), "src", IPv4Address(10, 1, 0, 10))
            ])
        var configuration = EngineHarness.configuration
        configuration.interfaces.append(.init(name: "src"))
        router.handle(.configurationChanged(configuration))
        router.publish(
            .localTree(tree: EngineHarness.tree), router.authorization(),
            router.authorization("bob", host: IPv4Address(10, 4, 0, 10)))
        return router
    }

    @Test func `the sender of a local tree hears of every change of its demand`() {
        var router = sending()
        router.join()
        router.join(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        router.leave()
        router.leave(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        #expect(router.demands == [0, 1, 2, 1, 0])
    }

    @Test func `a local tree comes in on the interface that carries its source, and nobody is joined`() {
        var router = sending()
        router.join()
        #expect(router.installed[EngineHarness.tree]?.incoming == InterfaceIndex(8))
        #expect(router.engine.routesDocument(at: router.time).routes.map(\.upstreamState) == ["local"])
    }

    @Test func `a sender that reconnects hears the demand as it is`() {
        var router = sending()
        router.join()
        router.handle(.ownerDisconnected(EngineHarness.owner))
        router.clearLog()
        router.handle(.ownerConnected(EngineHarness.owner))
        #expect(router.demands == [1])
    }
}
