import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import PIM
import Testing
import Wire

@Suite struct `interfaces` {
    private func serving() -> EngineHarness {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join()
        return router
    }

    @Test func `every configured interface that is there gets a virtual interface, no other`() {
        let stranger = EngineHarness.link(InterfaceIndex(7), "eth7", IPv4Address(10, 7, 0, 1))
        let router = EngineHarness(links: EngineHarness.links + [stranger])
        #expect(router.virtualInterfaces == [EngineHarness.upstream, EngineHarness.lan, EngineHarness.lan2])
    }

    @Test func `one that comes late is taken in`() {
        var router = EngineHarness(links: [EngineHarness.links[0]])
        #expect(router.virtualInterfaces == [EngineHarness.upstream])
        router.handle(.interfaceChanged(EngineHarness.links[1]))
        router.publish(router.authorization())
        router.join()
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `the number of a vanished one is given back only when no entry can hold its bit`() {
        var router = serving()
        router.publish(router.authorization("bob", host: IPv4Address(10, 4, 0, 10)))
        router.join(IPv4Address(10, 4, 0, 10), on: EngineHarness.lan2)
        router.clearLog()
        router.holdsAnswers = true
        router.handle(.interfaceRemoved(EngineHarness.lan))
        #expect(!router.log.contains(.removeVIF(EngineHarness.lan)))
        router.answer()
        #expect(router.log.contains(.removeVIF(EngineHarness.lan)))
        #expect(router.outputs() == [EngineHarness.lan2])
    }

    @Test func `one that comes back under another number is routed on again`() {
        var router = serving()
        router.handle(.interfaceRemoved(EngineHarness.lan))
        #expect(router.installed.isEmpty)
        let back = InterfaceIndex(42)
        router.handle(.interfaceChanged(EngineHarness.link(back, "lan", IPv4Address(10, 3, 0, 1))))
        router.join(on: back)
        #expect(router.outputs() == [back])
    }

    @Test func `one that is renamed away stops, and the one renamed to its name takes over`() {
        var router = serving()
        router.handle(.interfaceChanged(EngineHarness.link(EngineHarness.lan, "old", IPv4Address(10, 3, 0, 1))))
        #expect(router.installed.isEmpty)
        #expect(!router.virtualInterfaces.contains(EngineHarness.lan))
        router.handle(.interfaceChanged(EngineHarness.link(EngineHarness.lan, "lan", IPv4Address(10, 3, 0, 1))))
        router.join()
        #expect(router.outputs() == [EngineHarness.lan])
    }

    @Test func `a link that goes down forgets its members`() {
        var router = serving()
        router.handle(
            .interfaceChanged(EngineHarness.link(EngineHarness.lan, "lan", IPv4Address(10, 3, 0, 1), isUp: false)))
        #expect(router.installed.isEmpty)
        #expect(router.engine.groupsDocument(at: router.time).groups.isEmpty)
    }

    @Test func `the thirty-second is refused by name, and the others work`() {
        var configuration = RoutingConfiguration(interfaces: [])
        var links: [InterfaceState] = []
        for number in 1...32 {
            let name = "if\(number)"
            configuration.interfaces.append(.init(name: name, igmp: MembershipConfiguration()))
            links.append(EngineHarness.link(InterfaceIndex(UInt32(number)), name, IPv4Address(10, UInt8(number), 0, 1)))
        }
        var router = EngineHarness(configuration, links: links)
        #expect(router.virtualInterfaces.count == 31)
        let entry = router.engine.interfacesDocument(at: router.time).interfaces.first { $0.name == "if32" }
        #expect(entry?.problem == "too-many-interfaces")
        // One goes, the waiting one gets its place.
        router.handle(.interfaceRemoved(InterfaceIndex(5)))
        router.advance(by: .seconds(6))
        #expect(router.virtualInterfaces.contains(InterfaceIndex(32)))
    }

    @Test func `an interface taken out of the configuration is left alone`() {
        var router = serving()
        var configuration = EngineHarness.configuration
        configuration.interfaces.remove(at: 1)
        router.handle(.configurationChanged(configuration))
        #expect(router.installed.isEmpty)
        #expect(router.virtualInterfaces == [EngineHarness.upstream, EngineHarness.lan2])
    }

    @Test func `a configuration that opens an interface admits those who wait`() {
        var router = EngineHarness()
        router.join()
        var configuration = EngineHarness.configuration
        configuration.interfaces[1].admission = .open
        router.handle(.configurationChanged(configuration))
        #expect(router.outputs() == [EngineHarness.lan])
        router.handle(.configurationChanged(EngineHarness.configuration))
        #expect(router.installed.isEmpty)
    }

    @Test func `a packet where nothing is configured is counted`() {
        var router = EngineHarness()
        router.join(on: EngineHarness.upstream)
        router.join(on: InterfaceIndex(77))
        #expect(router.engine.counters.strayPackets == 2)
    }

    @Test func `queries go out on interfaces with hosts, hellos on those with routers`() {
        var router = EngineHarness()
        router.advance(by: .seconds(6))
        var queried: Set<InterfaceIndex> = []
        var greeted: Set<InterfaceIndex> = []
        for action in router.log {
            if case .sendIGMP(_, let index, _) = action { queried.insert(index) }
            if case .sendPIM(_, let index, _) = action { greeted.insert(index) }
        }
        #expect(queried == [EngineHarness.lan, EngineHarness.lan2])
        #expect(greeted == [EngineHarness.upstream])
    }
}
