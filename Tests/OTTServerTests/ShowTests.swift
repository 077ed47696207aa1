import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Testing
import Wire

@Suite struct `What the server shows` {
    @Test func `of channels: catalogued, allocating, allocated with their groups`() {
        var bench = ServerBench()
        #expect(bench.core.channelsDocument.channels.map(\.state) == ["catalogued", "catalogued"])
        bench.register()
        bench.join()
        #expect(bench.core.channelsDocument.channels.map(\.state) == ["allocating", "catalogued"])
        bench.report(bench.outcomes("acme/one"))
        let row = bench.core.channelsDocument.channels[0]
        #expect(row.state == "allocated")
        #expect(row.proxy == "north")
        #expect(row.resource == resource("acme/one"))
        #expect(row.authorizedSubscribers == 1)
    }

    @Test func `of a subscriber: what it watches, may watch, and might have watched`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        let ended = Entitlement(scope: .channel(channel("acme/two")), until: bench.wallNow)
        let alice = record("alice", entitlements: [Entitlement(scope: .channel(channel("acme/one"))), ended])
        let rows = bench.core.subscribersDocument([alice]).subscribers
        #expect(rows[0].channels.map(\.state) == ["authorized", "ended"])
        #expect(rows[0].channels[0].expires == bench.wallNow + .seconds(3_600))
    }

    @Test func `of sessions and feeds: each proxy, and who waits`() {
        var bench = ServerBench()
        bench.register("south", prefixes: [prefix("10.4.0.0/16")])
        bench.register()
        bench.join()
        bench.handle(.feedOpened(proxy: "north"))
        let sessions = bench.core.sessionsDocument.sessions
        #expect(sessions.map(\.kind) == ["join", "registration", "registration"])
        #expect(sessions.map(\.name) == ["alice", "north", "south"])
        let feeds = bench.core.feedsDocument.feeds
        #expect(feeds.map(\.state) == ["open", "closed"])
        #expect(feeds.map(\.items) == [2, 0])
    }

    @Test func `of counters: every one by name, in order`() {
        var bench = ServerBench()
        bench.join()
        let counters = bench.core.countersDocument.counters
        #expect(counters.map(\.name) == counters.map(\.name).sorted())
        #expect(counters.first { $0.name == "join-refused-no-proxy-for-address" }?.count == 1)
    }

    @Test func `of the way to the first packet: the first step that fails`() {
        func failing(_ bench: ServerBench, record: SubscriberRecord? = record("alice")) -> String? {
            bench.core.explain(subscriber: "alice", record: record, channel: channel("acme/one"))
                .steps.first { $0.state != .ok }?.reason
        }
        var bench = ServerBench()
        #expect(failing(bench, record: nil) == "unknown-subscriber")
        #expect(failing(bench, record: record("alice", entitlements: [])) == "not-entitled")
        #expect(failing(bench) == "not-asked")
        var bound = record("alice")
        bound.binding.addresses = [address("10.9.0.1")]
        #expect(failing(bench, record: bound) == "no-proxy-for-address")
        bench.register()
        bench.join()
        #expect(failing(bench) == "not-allocated")
        bench.report("north", bench.outcomes("acme/one"), points: [])
        #expect(failing(bench) == "no-replication-point")
        bench.report(bench.outcomes("acme/one"), applied: 0)
        #expect(failing(bench) == "not-applied")
        bench.report(bench.outcomes("acme/one"))
        #expect(failing(bench) == nil)
        #expect(
            bench.core.explain(subscriber: "alice", record: record("alice"), channel: channel("acme/one")).trees
                == resource("acme/one").trees)
        bench.pass(.seconds(20))
        #expect(failing(bench) == "proxy-unavailable")
    }

    @Test func `of events: one line for each, with what it is about`() throws {
        let time = UnixTime(milliseconds: 1)
        let one = channel("acme/one")
        let rows: [(OTTServerEvent, String)] = [
            (.proxyRegistered("north"), "proxy-registered"), (.proxyExpired("north"), "proxy-expired"),
            (.proxyForgotten("north"), "proxy-forgotten"),
            (.allocationAsked(proxy: "north", channel: one, serial: 1), "allocation-asked"),
            (.allocationRefused(proxy: "north", channel: one, reason: "full"), "allocation-refused"),
            (.allocationReleased(proxy: "north", channel: one), "allocation-released"),
            (.authorized(subscriber: "alice", channel: one, proxy: "north"), "authorized"),
            (.revoked(subscriber: "alice", channel: one, reason: .notEntitled), "revoked"),
            (.expired(subscriber: "alice", channel: one), "expired"),
            (.joinRefused(subscriber: "alice", channel: one, code: "no-proxy-for-address"), "join-refused"),
        ]
        for (event, name) in rows {
            let document = event.document(at: time)
            #expect(document.event == name)
            #expect(document.peer != nil || document.subscriber != nil)
            #expect(RoleTopic(rawValue: document.topic) != nil)
        }
    }
}
