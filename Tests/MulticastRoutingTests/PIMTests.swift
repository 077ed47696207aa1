import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import PIM
import Testing
import Wire

/// Two engines on one link: joins travel up, outputs open down.
@Suite struct `downstream and upstream routers` {
    private static let down = InterfaceIndex(5)
    private static let point = IPv4Address(10, 2, 0, 2)
    private static let core = IPv4Address(10, 2, 0, 1)

    /// The router above: the source is on one of its links, the replication point on the other.
    private static func upstreamRouter() -> EngineHarness {
        let configuration = RoutingConfiguration(interfaces: [
            .init(name: "src"), .init(name: "down", pim: PIMConfiguration()),
        ])
        var router = EngineHarness(
            configuration,
            links: [
                EngineHarness.link(EngineHarness.upstream, "src", IPv4Address(10, 1, 0, 1)),
                EngineHarness.link(down, "down", core),
            ])
        router.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.upstream, neighbor: nil)
        return router
    }

    /// Plays both for `duration`, carrying what each sends to the other.
    private static func play(_ core: inout EngineHarness, _ point: inout EngineHarness, for duration: Duration) {
        var left = duration
        while left > .zero {
            carry(from: &core, sender: Self.core, to: &point, on: EngineHarness.upstream)
            carry(from: &point, sender: Self.point, to: &core, on: down)
            core.advance(by: .milliseconds(100))
            point.advance(by: .milliseconds(100))
            left -= .milliseconds(100)
        }
    }

    private static func carry(
        from: inout EngineHarness, sender: IPv4Address, to: inout EngineHarness, on index: InterfaceIndex
    ) {
        let messages = from.log.compactMap { action -> [UInt8]? in
            if case .sendPIM(let message, _, _) = action { message } else { nil }
        }
        from.clearLog()
        for message in messages { to.pim(packet(message, from: sender), on: index) }
    }

    private static func packet(_ payload: [UInt8], from source: IPv4Address) -> [UInt8] {
        var writer = WireWriter()
        writer.write(UInt8(0x45))
        writer.write(UInt8(0xC0))
        writer.write(UInt16(20 + payload.count))
        writer.write(UInt32(0))
        writer.write(UInt8(1))
        writer.write(UInt8(103))
        writer.write(UInt16(0))
        writer.write(source)
        writer.write(IPv4Address.allPIMRouters)
        return writer.bytes + payload
    }

    @Test func `the first member joins upstream and the last to leave prunes`() {
        var core = Self.upstreamRouter()
        var point = EngineHarness()
        point.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.upstream, neighbor: .v4(Self.core))
        Self.play(&core, &point, for: .seconds(11))
        #expect(point.engine.neighborsDocument(at: point.time).neighbors.map(\.address) == [.v4(Self.core)])

        point.publish(point.authorization())
        point.join()
        Self.play(&core, &point, for: .seconds(1))
        #expect(core.outputs() == [Self.down])
        #expect(point.engine.routesDocument(at: point.time).routes.map(\.upstreamState) == ["joined"])
        #expect(core.engine.routesDocument(at: core.time).routes.map(\.upstreamState) == ["connected"])

        point.leave()
        Self.play(&core, &point, for: .seconds(5))
        #expect(core.installed.isEmpty)
    }

    @Test func `a router below that vanishes is given up when its join ends`() {
        var core = Self.upstreamRouter()
        var point = EngineHarness()
        point.routes[EngineHarness.source] = RPFRoute(interface: EngineHarness.upstream, neighbor: .v4(Self.core))
        point.publish(point.authorization())
        point.join()
        Self.play(&core, &point, for: .seconds(11))
        #expect(core.outputs() == [Self.down])
        core.advance(by: .seconds(195))
        #expect(core.outputs() == [Self.down])
        core.advance(by: .seconds(20))
        #expect(core.installed.isEmpty)
    }

    @Test func `a next hop that is no neighbour is told by explain`() {
        var point = EngineHarness()
        point.publish(point.authorization())
        point.join()
        let explanation = point.engine.explain(subscriber: "ann", tree: EngineHarness.tree, at: point.time)
        #expect(explanation.firstFailure?.name == "upstream")
        #expect(explanation.firstFailure?.reason == "no-neighbor")
    }
}
