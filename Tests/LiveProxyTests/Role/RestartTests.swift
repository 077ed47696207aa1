import Channels
import Clockwork
import ControlProtocol
import LiveProxy
import Testing
import Wire

@Suite struct RestartTests {
    @Test func `a restarted proxy keeps its resources and publishes nothing until its servers have spoken`() throws {
        var before = try ProxyStage()
        let news = try key("acme/news")
        try before.connect()
        try before.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        before.publish([allocation(news), try join(news, "s1", at: "10.3.1.7")])
        let resource = try #require(before.resource(of: news))
        let known = before.points["rp1"]

        var after = try ProxyStage(state: try #require(before.disk), life: "life2")
        after.servers = before.servers
        after.points["rp1"] = known
        #expect(after.ingests == [news], "media go on at once")
        after.connectRouter()
        #expect(after.localTrees == 2)
        try after.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        #expect(!after.actions.contains { if case .publish = $0 { true } else { false } })
        #expect(after.authorized(at: "rp1") == before.authorized(at: "rp1"))
        try after.connect()
        let published = after.actions.compactMap { if case .publish(_, let message) = $0 { message } else { nil } }
        #expect(published.count == 1)
        #expect(after.resource(of: news) == resource)
        #expect(after.authorized(at: "rp1") == before.authorized(at: "rp1"))
    }

    @Test func `points wait for a silent server only so long`() throws {
        var stage = try ProxyStage(servers: [ProxyStage.server, ProxyStage.other])
        let news = try key("acme/news")
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        try stage.connect()
        stage.publish([allocation(news)])
        #expect(stage.mapped(at: "rp1") == [])
        stage.wait(.milliseconds(29_999))
        #expect(stage.mapped(at: "rp1") == [])
        stage.wait(.milliseconds(1))
        #expect(stage.mapped(at: "rp1") == [news])
    }

    @Test func `what the server took back meanwhile is released after a restart`() throws {
        var before = try ProxyStage()
        let news = try key("acme/news")
        let sport = try key("acme/sport")
        try before.connect()
        before.publish([allocation(news), allocation(sport)])
        var after = try ProxyStage(state: try #require(before.disk), life: "life2")
        after.servers = before.servers
        _ = after.servers[ProxyStage.server]?.update(removals: [ServerFeedItem.allocationKey(news)])
        try after.connect()
        #expect(after.outcome(of: news) == nil)
        #expect(after.ingests == [sport])
        #expect(after.resource(of: sport) == before.resource(of: sport))
    }

    @Test func `a server that counts its serials anew keeps the channel on air`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        stage.publish([allocation(news, serial: 7), try join(news, "s1", at: "10.3.1.7", serial: 7)])
        try stage.apply(at: "rp1")
        let resource = try #require(stage.resource(of: news))
        stage.servers[ProxyStage.server] = FeedPublisher(
            epoch: "new", revision: 1, items: [allocation(news, serial: 1), try join(news, "s1", at: "10.3.1.7")])
        stage.clear()
        try stage.connect()
        #expect(stage.resource(of: news) == resource)
        #expect(stage.serial(of: news) == 1)
        #expect(stage.authorized(at: "rp1").count == 1)
        #expect(!stage.actions.contains { if case .stopIngest = $0 { true } else { false } })
        #expect(stage.applied(at: "rp1") == 1, "the old epoch's revisions are forgotten")
    }

    @Test func `a router that restarts gets all trees, and viewers who have not joined again yet are not dropped`()
        throws
    {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        stage.connectRouter()
        try stage.connect()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        stage.send(.routerDisconnected)
        stage.router = FeedFollower()
        stage.connectRouter()
        #expect(stage.localTrees == 2)
        try stage.demand(0, for: news)
        stage.wait(.seconds(74))
        #expect(stage.resource(of: news) != nil)
        try stage.demand(1, for: news)
        stage.wait(.seconds(600))
        #expect(stage.resource(of: news) != nil)
        try stage.demand(0, for: news)
        stage.wait(.seconds(5))
        #expect(stage.outcome(of: news) == .released)
    }

    @Test func `viewers who left while the router was away are noticed`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        stage.connectRouter()
        try stage.connect()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        stage.send(.routerDisconnected)
        stage.wait(.seconds(600))
        #expect(stage.resource(of: news) != nil, "without a router nobody knows")
        stage.connectRouter()
        stage.wait(.seconds(80))
        #expect(stage.outcome(of: news) == .released)
    }

    @Test func `a router that only lost its place in the feed still knows its demand`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        stage.connectRouter()
        try stage.connect()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        stage.connectRouter()
        stage.wait(.seconds(600))
        #expect(stage.resource(of: news) != nil)
    }

    @Test func `a lost place in the server's feed asks for a snapshot and changes nothing until then`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news)])
        let resource = stage.resource(of: news)
        _ = stage.servers[ProxyStage.server]?.update(upserts: [try join(news, "missed", at: "10.3.1.9")])
        stage.clear()
        stage.publish([try join(news, "s1", at: "10.3.1.7")])
        #expect(stage.actions.contains(.resynchronize(server: ProxyStage.server)))
        #expect(stage.core.counters.feedsLost == 1)
        #expect(stage.core.position(of: ProxyStage.server) == nil)
        try stage.connect()
        #expect(stage.resource(of: news) == resource)
        #expect(stage.ingests == [news])
    }

    @Test func `allocations of a server that is no longer configured end with the restart`() throws {
        var before = try ProxyStage(servers: [ProxyStage.server, ProxyStage.other])
        let news = try key("acme/news")
        try before.connect(ProxyStage.other)
        before.publish([allocation(news)], of: ProxyStage.other)
        let after = try ProxyStage(state: try #require(before.disk), life: "life2")
        #expect(after.ingests.isEmpty)
        #expect(after.core.state.allocator.resting.count == 2)
    }
}

@Suite struct SeveralServersTests {
    @Test func `two servers have their own channels, reports and revisions`() throws {
        var stage = try ProxyStage(servers: [ProxyStage.server, ProxyStage.other])
        let news = try key("acme/news")
        let film = try key("zeta/film")
        try stage.connect(ProxyStage.server)
        try stage.connect(ProxyStage.other)
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        stage.publish([allocation(news), try join(news, "s", at: "10.3.1.7")], of: ProxyStage.server)
        for _ in 0..<3 { stage.publish([allocation(film), try join(film, "s", at: "10.3.1.7")], of: ProxyStage.other) }
        try stage.apply(at: "rp1")
        #expect(stage.core.report(to: ProxyStage.server)?.allocations.map(\.channel) == [news])
        #expect(stage.core.report(to: ProxyStage.other)?.allocations.map(\.channel) == [film])
        #expect(stage.applied(at: "rp1", of: ProxyStage.server) == stage.revision(of: ProxyStage.server))
        #expect(stage.applied(at: "rp1", of: ProxyStage.other) == stage.revision(of: ProxyStage.other))
        #expect(stage.authorized(at: "rp1").count == 2)
        #expect(stage.core.report(to: "https://stranger") == nil)
    }

    @Test func `a channel has one server; the other is refused and can take nothing away`() throws {
        var stage = try ProxyStage(servers: [ProxyStage.server, ProxyStage.other])
        let news = try key("acme/news")
        try stage.connect(ProxyStage.server)
        try stage.connect(ProxyStage.other)
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        stage.publish([allocation(news), try join(news, "s", at: "10.3.1.7")], of: ProxyStage.server)
        stage.publish([allocation(news), try join(news, "s", at: "10.3.1.7")], of: ProxyStage.other)
        #expect(stage.outcome(of: news, at: ProxyStage.other) == .refused(reason: "owned-by-another-server"))
        let removals = [ServerFeedItem.allocationKey(news), ServerFeedItem.channelJoinKey(news, subscriber: "s")]
        stage.publish([], removals: removals, of: ProxyStage.other)
        #expect(stage.resource(of: news) != nil)
        #expect(stage.authorized(at: "rp1").count == 1)
    }
}
