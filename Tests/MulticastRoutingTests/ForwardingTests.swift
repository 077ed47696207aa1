import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import Testing
import Wire

@Suite struct `the kernel's table` {
    private func serving() -> EngineHarness {
        var router = EngineHarness()
        router.publish(router.authorization(), router.authorization("bob", host: IPv4Address(10, 4, 0, 10)))
        router.join()
        return router
    }

    @Test func `a second port is added by one change of the entry`() {
        var router = serving()
        router.clearLog()
        router.join(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        let batches = router.log.compactMap { if case .program(let batch) = $0 { batch } else { nil } }
        #expect(batches.map(\.changes.count) == [1])
        #expect(router.outputs() == [EngineHarness.lan, EngineHarness.lan2])
    }

    @Test func `an entry the kernel refuses is tried again, ever more slowly, and told`() {
        var router = EngineHarness()
        router.refusedTrees = [EngineHarness.tree]
        router.publish(router.authorization())
        router.join()
        #expect(router.events.contains(.entryFailed(EngineHarness.tree, problem: "ENOBUFS")))
        router.advance(by: .seconds(10))
        let attempts = router.log.count { if case .program = $0 { true } else { false } }
        #expect((5...9).contains(attempts))
        router.refusedTrees = []
        router.advance(by: .seconds(30))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `an entry that somebody removes is put back`() {
        var router = serving()
        router.advance(by: .seconds(5))
        router.installed = [:]
        router.handle(.kernelChanged(EngineHarness.tree, nil))
        #expect(router.outputs() == [EngineHarness.lan])
        #expect(router.events.contains(.entryDisturbed(EngineHarness.tree)))
    }

    @Test func `an output that somebody adds is taken out`() {
        var router = serving()
        router.advance(by: .seconds(5))
        let forged = KernelEntry(
            incoming: EngineHarness.upstream, outgoing: [EngineHarness.lan, EngineHarness.lan2])
        router.installed[EngineHarness.tree] = forged
        router.handle(.kernelTable(router.installed))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `an entry nobody here made is removed`() {
        var router = serving()
        let foreign = SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(239, 1, 1, 1)))
        let entry = KernelEntry(incoming: EngineHarness.lan2, outgoing: [EngineHarness.lan])
        router.installed[foreign] = entry
        router.handle(.kernelChanged(foreign, entry))
        #expect(router.installed[foreign] == nil)
    }

    @Test func `the kernel's echo of our own changes changes nothing`() {
        var router = serving()
        let entry = router.installed[EngineHarness.tree]
        router.clearLog()
        router.handle(.kernelChanged(EngineHarness.tree, entry))
        #expect(router.log.isEmpty)
    }

    @Test func `somebody who keeps changing an entry is not fought without end`() {
        var router = serving()
        router.advance(by: .seconds(5))
        router.clearLog()
        for _ in 0..<50 { router.handle(.kernelChanged(EngineHarness.tree, nil)) }
        #expect(router.log.count { if case .program = $0 { true } else { false } } < 10)
        router.advance(by: .seconds(60))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `changes wait for the answer to the last one, and are then made together`() {
        var router = EngineHarness()
        router.publish(router.authorization(), router.authorization("bob", host: IPv4Address(10, 4, 0, 10)))
        router.holdsAnswers = true
        router.join()
        router.join(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        router.leave()
        #expect(router.heldBatches.count == 1)
        router.answer()
        #expect(router.heldBatches.count == 1)
        router.answer()
        #expect(router.outputs() == [EngineHarness.lan2])
        #expect(router.heldBatches.isEmpty)
    }

    @Test func `an answer to a batch that was never sent changes nothing`() {
        var router = serving()
        router.clearLog()
        router.handle(.programmed(batch: 999, failures: [ForwardingFailure(tree: EngineHarness.tree, problem: "EIO")]))
        #expect(router.log.isEmpty)
    }

    // MARK: Upcalls

    @Test func `a stream nobody wants is blocked, and forgotten when it stops`() {
        var router = EngineHarness()
        router.handle(.upcall(.noEntry(EngineHarness.tree, EngineHarness.upstream)))
        #expect(router.installed[EngineHarness.tree] == KernelEntry(incoming: EngineHarness.upstream, outgoing: []))
        router.advance(by: .seconds(11))
        #expect(router.installed.isEmpty)
    }

    @Test func `a blocked stream opens for the first member`() {
        var router = EngineHarness()
        router.handle(.upcall(.noEntry(EngineHarness.tree, EngineHarness.upstream)))
        router.publish(router.authorization())
        router.join()
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(11))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `blocked streams are limited`() {
        var configuration = EngineHarness.configuration
        configuration.limits.blockedStreams = 3
        var router = EngineHarness(configuration)
        for last in 1...5 {
            let tree = SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(232, 2, 2, UInt8(last))))
            router.handle(.upcall(.noEntry(tree, EngineHarness.upstream)))
        }
        #expect(router.installed.count == 3)
        #expect(
            router.engine.countersDocument().router.contains(NamedCount(name: "blocked-streams-limit", count: 2)))
    }

    @Test(arguments: [
        SourceGroup(source: nil, group: EngineHarness.group),
        SourceGroup(source: EngineHarness.group, group: EngineHarness.group),
        SourceGroup(source: EngineHarness.source, group: EngineHarness.source),
        SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(224, 0, 0, 251))),
    ])
    func `an upcall no entry can follow from is counted and ignored`(_ tree: SourceGroup) {
        var router = EngineHarness()
        router.handle(.upcall(.noEntry(tree, EngineHarness.upstream)))
        #expect(router.installed.isEmpty)
        #expect(router.engine.counters.upcallsIgnored == 1)
    }

    @Test func `an upcall for a wanted tree whose entry is lost installs it again`() {
        var router = serving()
        router.installed = [:]
        router.handle(.upcall(.noEntry(EngineHarness.tree, EngineHarness.upstream)))
        #expect(router.outputs() == [EngineHarness.lan])
    }

    // MARK: Routes

    @Test func `a new route moves the input of its trees`() {
        var router = serving()
        router.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.lan2, neighbor: nil)
        router.handle(.routesChanged)
        #expect(router.installed[EngineHarness.tree]?.incoming == EngineHarness.lan2)
    }

    @Test func `without a route there is no entry, and it comes with the route`() {
        var router = EngineHarness()
        router.routes = [:]
        router.publish(router.authorization())
        router.join()
        #expect(router.installed.isEmpty)
        router.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.upstream, neighbor: nil)
        router.handle(.routesChanged)
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a member behind the input interface gets no copy back`() {
        var router = EngineHarness()
        router.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.lan, neighbor: nil)
        router.publish(router.authorization(), router.authorization("bob", host: IPv4Address(10, 4, 0, 10)))
        router.join()
        #expect(router.installed.isEmpty)
        router.join(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        #expect(router.outputs() == [EngineHarness.lan2])
    }

    @Test func `a packet on the wrong interface makes the router ask for the route again`() {
        var router = serving()
        router.clearLog()
        router.handle(.upcall(.wrongInterface(EngineHarness.tree, EngineHarness.lan2)))
        #expect(router.log.contains(.resolveRoute(source: EngineHarness.source)))
        #expect(router.engine.counters.upcallsOnWrongInterface == 1)
    }

    @Test func `trees beyond the limit are counted, and get their turn when one goes`() {
        var configuration = EngineHarness.configuration
        configuration.limits.trees = 1
        var router = EngineHarness(configuration)
        let second = SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(232, 1, 1, 2)))
        router.publish(router.authorization(), router.authorization(tree: second))
        router.join()
        router.join(tree: second)
        #expect(router.installed.keys.sorted() == [EngineHarness.tree])
        #expect(router.engine.counters.treeLimit == 1)
        router.leave()
        #expect(router.installed.keys.sorted() == [second])
    }
}
