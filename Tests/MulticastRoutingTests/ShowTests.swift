import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import Testing
import Wire

@Suite struct `what the router shows` {
    private func serving() -> EngineHarness {
        var router = EngineHarness()
        router.publish(router.authorization())
        router.join()
        router.join(IPv4Address(10, 3, 0, 66))
        router.installed[EngineHarness.tree]?.counters = ForwardingCounters(packets: 10, bytes: 13_280)
        router.handle(.kernelTable(router.installed))
        router.advance(by: .seconds(3))
        return router
    }

    @Test func `groups list every host of a port with the verdict on each`() throws {
        let router = serving()
        let group = try #require(router.engine.groupsDocument(at: router.time).groups.first)
        #expect(group.packets == 10)
        let port = try #require(group.ports.first)
        #expect(port.forwarding && port.interface == "lan" && port.filterMode == "include")
        #expect(port.hosts.map(\.verdict) == ["admitted", "refused"])
        #expect(port.hosts.map(\.reason) == ["authorized", "unknown-subscriber-address"])
        #expect(port.hosts.map(\.subscriber) == ["ann", nil])
        #expect(port.hosts[0].lastReport == 3)
    }

    @Test func `subscribers tell who uses an authorization, who does not and who was refused`() {
        var router = serving()
        router.publish(router.authorization("bob", host: IPv4Address(10, 3, 0, 11)))
        let document = router.engine.subscribersDocument(at: router.time)
        #expect(document.authorizations.map(\.subscriber) == ["ann", "bob"])
        #expect(document.authorizations.map(\.state) == ["member", "not-joined"])
        #expect(document.refused.map(\.hostAddress) == [.v4(IPv4Address(10, 3, 0, 66))])
        router.advance(by: .seconds(3604))
        let later = router.engine.subscribersDocument(at: router.time)
        #expect(later.authorizations.map(\.state) == ["expired", "expired"])
    }

    @Test func `routes tell a blocked stream from a wanted one`() {
        var router = serving()
        let rogue = SourceGroup(source: EngineHarness.source, group: .v4(IPv4Address(232, 9, 9, 9)))
        router.handle(.upcall(.noEntry(rogue, EngineHarness.upstream)))
        let routes = router.engine.routesDocument(at: router.time).routes
        #expect(routes.map(\.origin) == ["wanted", "blocked"])
        #expect(routes.map(\.installed) == [true, true])
        #expect(routes[0].outgoingInterfaces.map(\.interface) == ["lan"])
    }

    @Test func `interfaces that are configured and not there are listed as absent`() {
        var router = EngineHarness()
        router.handle(.interfaceRemoved(EngineHarness.lan2))
        let interfaces = router.engine.interfacesDocument(at: router.time).interfaces
        #expect(interfaces.map(\.name) == ["lan", "lan2", "up"])
        #expect(interfaces.map(\.operStatus) == ["up", "absent", "up"])
    }

    @Test func `events carry names`() {
        let router = serving()
        let port = OutputPort(interface: EngineHarness.lan)
        let event = RouterEvent.memberRefused(
            HostOnPort(host: .v4(IPv4Address(10, 3, 0, 66)), port: port), EngineHarness.tree, .noAuthorization)
        let document = router.engine.document(event, at: router.time)
        #expect(document.event == "member-refused" && document.interface == "lan")
        #expect(document.reason == "no-authorization" && document.group == EngineHarness.group)
    }

    // MARK: Explain

    private func firstFailure(_ router: EngineHarness) -> String? {
        router.engine.explain(subscriber: "ann", tree: EngineHarness.tree, at: router.time).firstFailure.map {
            "\($0.name): \($0.reason ?? "")"
        }
    }

    @Test func `explain names the first thing that is missing, from the authorization on`() {
        var router = EngineHarness()
        router.routes[EngineHarness.source] = nil
        #expect(firstFailure(router) == "authorization: no-authorization")
        router.publish(router.authorization(interface: "lan2"))
        #expect(firstFailure(router) == "report: no-report")
        router.join(IPv4Address(10, 3, 0, 66))
        #expect(firstFailure(router) == "report: unknown-subscriber-address")
        router.join()
        #expect(firstFailure(router) == "admission: wrong-interface")
        router.publish(router.authorization())
        #expect(firstFailure(router) == "route: no-route")
        router.routes[EngineHarness.source] = RPFRoute(interface: InterfaceIndex(77), neighbor: nil)
        router.handle(.routesChanged)
        #expect(firstFailure(router) == "route: interface-not-configured")
        router.refusedTrees = [EngineHarness.tree]
        router.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.upstream, neighbor: nil)
        router.handle(.routesChanged)
        #expect(firstFailure(router) == "forwarding-entry: kernel-refused")
        router.refusedTrees = []
        router.advance(by: .seconds(1))
        router.handle(.kernelTable(router.installed))
        #expect(firstFailure(router) == "packets: no-packets")
        router.installed[EngineHarness.tree]?.counters.packets = 1
        router.handle(.kernelTable(router.installed))
        #expect(firstFailure(router) == nil)
        router.advance(by: .seconds(3600))
        #expect(firstFailure(router) == "authorization: authorization-expired")
    }
}
