import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import PIM
import Testing
import Wire

/// What a restarted router does with what it finds in the kernel.
@Suite struct `adoption` {
    private static let found = KernelForwardingState(
        virtualInterfaces: [EngineHarness.upstream, EngineHarness.lan, EngineHarness.lan2],
        entries: [EngineHarness.tree: KernelEntry(incoming: EngineHarness.upstream, outgoing: [EngineHarness.lan])])

    private func restarted(_ configuration: RoutingConfiguration = EngineHarness.configuration) -> EngineHarness {
        EngineHarness(configuration, kernel: Self.found)
    }

    @Test func `an entry found goes on forwarding, written anew`() {
        let router = restarted()
        #expect(router.outputs() == [EngineHarness.lan])
        let changes = router.log.compactMap { if case .program(let batch) = $0 { batch.changes } else { nil } }
        #expect(
            changes == [
                [
                    .install(
                        ForwardingEntry(
                            tree: EngineHarness.tree, incoming: EngineHarness.upstream, outgoing: [EngineHarness.lan]))
                ]
            ])
    }

    @Test func `members who report again keep it without a gap`() {
        var router = restarted()
        router.join()
        router.present(router.authorization())
        router.advance(by: .seconds(120))
        #expect(router.outputs() == [EngineHarness.lan])
        #expect(!router.events.contains(.entryRemoved(EngineHarness.tree)))
    }

    @Test func `an output nobody reports on again is closed after the query response time and a margin`() {
        var router = restarted()
        router.present(router.authorization())
        router.advance(by: .seconds(14))
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(2))
        #expect(router.installed.isEmpty)
    }

    @Test func `an owner's snapshot without an authorization for the tree closes it at once`() {
        var router = restarted()
        router.present()
        #expect(router.installed.isEmpty)
    }

    @Test func `while the owner is silent a member cannot be told from a stranger: the output waits, but not for ever`()
    {
        var router = restarted()
        router.join()
        router.advance(by: .seconds(30))
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(31))
        #expect(router.installed.isEmpty)
    }

    @Test func `an owner who comes back late decides at once over outputs that only waited for it`() {
        var router = restarted()
        router.advance(by: .seconds(30))
        #expect(router.outputs() == [EngineHarness.lan])
        router.present(router.authorization())
        #expect(router.installed.isEmpty)
    }

    @Test func `an output to downstream routers waits as long as a join may take`() {
        var configuration = EngineHarness.configuration
        configuration.interfaces[1] = .init(name: "lan", pim: PIMConfiguration())
        var router = restarted(configuration)
        router.advance(by: .seconds(200))
        #expect(router.outputs() == [EngineHarness.lan])
        router.advance(by: .seconds(11))
        #expect(router.installed.isEmpty)
    }

    @Test func `an output on an interface that is gone or not configured is dropped at once`() {
        var configuration = EngineHarness.configuration
        configuration.interfaces.remove(at: 1)
        let router = restarted(configuration)
        #expect(router.installed.isEmpty)
        #expect(router.log.contains(.removeVIF(EngineHarness.lan)))
    }

    @Test func `no number is given away before the entries found are written anew`() {
        var state = Self.found
        state.virtualInterfaces = [EngineHarness.upstream, EngineHarness.lan]
        var router = EngineHarness(isStarted: false)
        router.virtualInterfaces = Set(state.virtualInterfaces)
        router.installed = state.entries
        router.holdsAnswers = true
        router.handle(.started(state))
        #expect(!router.virtualInterfaces.contains(EngineHarness.lan2))
        router.answer()
        #expect(router.virtualInterfaces.contains(EngineHarness.lan2))
    }

    @Test func `nothing is programmed before the kernel's state is known`() {
        var router = EngineHarness(isStarted: false)
        router.publish(router.authorization())
        router.join()
        #expect(
            !router.log.contains { action in
                switch action {
                case .program, .addVIF, .removeVIF, .applied: true
                default: false
                }
            })
        router.handle(.started(KernelForwardingState()))
        #expect(router.outputs() == [EngineHarness.lan])
        #expect(router.appliedRevisions == [0, 1])
    }

    @Test func `the entry keeps its input until the route to the source is known`() {
        var router = EngineHarness(isStarted: false)
        router.routes = [:]
        router.virtualInterfaces = Set(Self.found.virtualInterfaces)
        router.installed = Self.found.entries
        router.holdsRoutes = true
        router.handle(.started(Self.found))
        #expect(router.installed[EngineHarness.tree]?.incoming == EngineHarness.upstream)
        router.handle(
            .routeResolved(source: EngineHarness.source, RPFRoute(interface: EngineHarness.lan2, neighbor: nil)))
        #expect(router.installed[EngineHarness.tree]?.incoming == EngineHarness.lan2)
    }
}
