import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Testing
import Wire

@Suite struct `An authorization` {
    @Test func `is extended by a renewal, and answered when the extension is applied`() throws {
        var bench = ServerBench()
        bench.serveFirstViewer()
        _ = bench.take()
        bench.pass(.seconds(10))
        bench.register()
        bench.now = bench.now + .seconds(1_800)
        bench.register()
        bench.join()
        let renewed = try #require(bench.take().joins.first)
        #expect(renewed.expires == bench.wallNow + .seconds(3_600))
        bench.report(bench.outcomes("acme/one"), applied: 1)
        #expect(bench.take().answers.isEmpty)
        bench.report(bench.outcomes("acme/one"))
        #expect(try bench.take().answers.first?.result.get().expires == renewed.expires)
    }

    @Test func `of a viewer who zaps back changes nothing and is answered at once`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        _ = bench.take()
        bench.now = bench.now + .seconds(5)
        bench.join()
        let actions = bench.take()
        #expect(actions.published.isEmpty)
        #expect(actions.answers.count == 1)
    }

    @Test func `ends by itself when its time is over`() {
        var settings = OTTServerSettings()
        settings.policy.lifetime = .seconds(10)
        var bench = ServerBench(settings: settings)
        bench.serveFirstViewer()
        _ = bench.take()
        bench.pass(.milliseconds(9_999))
        #expect(bench.held() != nil)
        bench.pass(.milliseconds(1))
        #expect(bench.held() == nil)
        #expect(bench.take().removals == ["channel-join/acme/one/alice"])
        #expect(bench.core.counters.authorizationsExpired == 1)
    }

    @Test func `is withdrawn when the entitlement is revoked or the subscriber removed`() {
        for record in [record("alice", entitlements: []), nil] {
            var bench = ServerBench()
            bench.serveFirstViewer()
            _ = bench.take()
            bench.handle(.subscriberChanged(id: "alice", record: record))
            #expect(bench.take().removals == ["channel-join/acme/one/alice"])
            #expect(bench.serial() == 1, "the channel stays allocated for the others")
        }
    }

    @Test func `is withdrawn alone: another subscriber's stands`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        bench.join(as: "bob", from: "10.3.0.6")
        bench.handle(.subscriberChanged(id: "alice", record: nil))
        #expect(bench.held("alice") == nil)
        #expect(bench.held("bob") != nil)
    }

    @Test func `of a waiting join is refused when it is revoked meanwhile`() {
        var bench = ServerBench()
        bench.register()
        bench.join()
        bench.handle(.subscriberChanged(id: "alice", record: record("alice", entitlements: [])))
        #expect(bench.take().codes == ["not-entitled"])
    }

    @Test func `follows a new binding and an earlier end`() throws {
        var bench = ServerBench()
        bench.serveFirstViewer()
        _ = bench.take()
        var changed = record(
            "alice", entitlements: [Entitlement(scope: .provider("acme"), until: bench.wallNow + .seconds(60))])
        changed.binding = SubscriberBinding(addresses: [address("10.3.0.9")], bridgePort: "lan2")
        bench.handle(.subscriberChanged(id: "alice", record: changed))
        let item = try #require(bench.take().joins.first)
        #expect(item.binding == changed.binding)
        #expect(item.expires == bench.wallNow + .seconds(60))
    }
}

@Suite struct `An allocation` {
    @Test func `that the proxy released is dropped with its authorizations`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        _ = bench.take()
        bench.report([("acme/one", 1, .released)])
        #expect(bench.take().removals == ["allocation/acme/one", "channel-join/acme/one/alice"])
        #expect(bench.serial() == nil)
    }

    @Test
    func `released while a join waits is asked for again under the next serial, within the join's deadline`()
        throws
    {
        var bench = ServerBench()
        bench.serveFirstViewer()
        bench.join(as: "bob", from: "10.3.0.6")
        _ = bench.take()
        bench.report([("acme/one", 1, .released)], applied: 9)
        let actions = bench.take()
        #expect(actions.allocations.map(\.serial) == [2])
        #expect(actions.joins.map(\.subscriber) == ["bob"])
        #expect(actions.joins.map(\.serial) == [2])
        #expect(actions.removals == ["channel-join/acme/one/alice"])
        bench.report([("acme/one", 1, .released)])
        #expect(bench.take().answers.isEmpty, "an old serial's outcome is not the new one's")
        bench.report([("acme/one", 2, .allocated(resource: resource("acme/one", generation: 2)))])
        #expect(try bench.take().answers.first?.result.get().resource.generation == 2)
    }

    @Test func `made ahead of viewers is kept, and made again when the proxy lets go of it`() {
        var bench = ServerBench()
        bench.register()
        bench.handle(.preallocate(channel: channel("acme/two"), proxy: nil, .cold))
        #expect(bench.take().allocations.map(\.preallocation) == [.cold])
        bench.handle(.preallocate(channel: channel("acme/two"), proxy: nil, .warm))
        #expect(bench.take().allocations.map(\.preallocation) == [.warm])
        bench.report([("acme/two", 1, .released)])
        let again = bench.take().allocations
        #expect(again.map(\.serial) == [2])
        #expect(again.map(\.preallocation) == [.warm])
        bench.handle(.preallocate(channel: channel("acme/two"), proxy: "north", nil))
        #expect(bench.take().allocations.map(\.preallocation) == [nil])
    }

    @Test func `ahead of viewers is refused for what does not exist`() {
        var bench = ServerBench()
        bench.register()
        bench.handle(.preallocate(channel: channel("acme/nine"), proxy: nil, .cold))
        bench.handle(.preallocate(channel: channel("acme/one"), proxy: "south", .cold))
        #expect(bench.take().refusals == ["unknown-channel", "unknown-proxy"])
    }

    @Test func `follows the catalogue`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        bench.join("acme/two")
        _ = bench.take()
        var changed = description("acme/one")
        changed.renditions[0].url = "http://other/h.m3u8"
        bench.handle(.catalogueChanged([changed]))
        let actions = bench.take()
        #expect(actions.allocations.map(\.description) == [changed])
        #expect(actions.allocations.map(\.serial) == [1])
        #expect(actions.removals == ["allocation/acme/two", "channel-join/acme/two/alice"])
        #expect(actions.codes == ["unknown-channel"])
    }
}
