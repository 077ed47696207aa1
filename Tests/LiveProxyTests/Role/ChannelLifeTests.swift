import Channels
import Clockwork
import ControlProtocol
import LiveProxy
import Testing
import Wire

@Suite struct ChannelLifeTests {
    @Test func `an allocation is on disk before anyone hears of it, and ingest starts at once`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        stage.connectRouter()
        try stage.connect()
        stage.clear()
        stage.publish([allocation(news)])
        let resource = try #require(stage.resource(of: news))
        #expect(resource.renditions.map(\.rendition) == ["720p", "360p"])
        #expect(stage.ingests == [news])
        #expect(stage.localTrees == 2)
        guard case .persist(let state) = stage.actions.first else {
            Issue.record("the state must be written first: \(stage.actions)")
            return
        }
        #expect(state.allocator.resources == [resource])
        #expect(stage.actions.contains(.reportDue(server: ProxyStage.server)))
    }

    @Test func `ingest is ordered with the URL and the group of each rendition`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news)])
        let order = stage.actions.compactMap { if case .startIngest(let order) = $0 { order } else { nil } }.first
        #expect(order?.renditions.map(\.rendition.url) == ["http://origin/720p.m3u8", "http://origin/360p.m3u8"])
        #expect(order?.renditions.map(\.resource) == stage.resource(of: news)?.renditions)
    }

    @Test func `an allocation nobody joins is released after the idle timeout`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.connectRouter()
        stage.publish([allocation(news)])
        stage.wait(.milliseconds(59_999))
        #expect(stage.resource(of: news) != nil)
        stage.wait(.milliseconds(1))
        #expect(stage.outcome(of: news) == .released)
        #expect(stage.ingests.isEmpty)
        #expect(stage.localTrees == 0)
        #expect(stage.disk?.channels == [])
        #expect(stage.core.counters.releasedIdle == 1)
        #expect(stage.core.deadline == nil || stage.core.isHeld == false)
    }

    @Test func `the last leave ends ingest after the linger, and the server is told`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.connectRouter()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        try stage.demand(2, for: news, rendition: 1)
        stage.wait(.seconds(3_600))
        #expect(stage.ingests == [news])
        try stage.demand(0, for: news)
        stage.wait(.seconds(10))
        #expect(stage.ingests == [news], "the other rendition is still watched")
        try stage.demand(0, for: news, rendition: 1)
        stage.clear()
        stage.wait(.milliseconds(4_999))
        #expect(stage.resource(of: news) != nil)
        stage.wait(.milliseconds(1))
        #expect(stage.outcome(of: news) == .released)
        #expect(stage.ingests.isEmpty)
        #expect(stage.actions.contains(.reportDue(server: ProxyStage.server)))
        #expect(stage.core.counters.releasedLastLeave == 1)
    }

    @Test func `zapping back within the linger changes nothing`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        try stage.demand(0, for: news)
        stage.wait(.seconds(4))
        stage.clear()
        try stage.demand(1, for: news)
        stage.wait(.seconds(600))
        #expect(stage.ingests == [news])
        #expect(!stage.actions.contains { if case .startIngest = $0 { true } else { false } })
    }

    @Test func `an authorization that races the end of the linger keeps the channel for its viewer`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        try stage.demand(0, for: news)
        stage.wait(.milliseconds(4_999))
        stage.publish([try join(news, "s2", at: "10.3.1.2")])
        stage.wait(.seconds(30))
        #expect(stage.resource(of: news) != nil)
        try stage.demand(1, for: news)
        stage.wait(.seconds(3_600))
        #expect(stage.resource(of: news) != nil)
    }

    @Test func `a join that comes after the release authorizes nobody, and the next serial gets a new generation`()
        throws
    {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        try stage.connect()
        stage.publish([allocation(news)])
        let first = try #require(stage.resource(of: news))
        stage.wait(.seconds(60))
        stage.publish([try join(news, "s1", at: "10.3.1.2")])
        #expect(stage.authorized(at: "rp1") == [])
        #expect(stage.outcome(of: news) == .released)

        stage.publish([allocation(news, serial: 2)])
        let second = try #require(stage.resource(of: news))
        #expect(second.generation > first.generation)
        #expect(Set(second.trees).isDisjoint(with: first.trees), "the old groups rest")
        #expect(stage.authorized(at: "rp1") == [], "the join is of the first allocation")
        stage.publish([try join(news, "s1", at: "10.3.1.2", serial: 2)])
        #expect(stage.authorized(at: "rp1") == ["acme/news s1 \(second.generation)"])
    }

    @Test func `what is allocated ahead is cold until its first viewer and stays after its last`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news, ahead: .cold)])
        let resource = try #require(stage.resource(of: news))
        stage.wait(.seconds(86_400))
        #expect(stage.ingests.isEmpty)
        try stage.demand(1, for: news)
        #expect(stage.ingests == [news])
        try stage.demand(0, for: news)
        stage.wait(.seconds(5))
        #expect(stage.ingests.isEmpty)
        #expect(stage.resource(of: news) == resource)
    }

    @Test func `what is kept warm is pulled before its first viewer and after its last`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news, ahead: .warm)])
        let resource = try #require(stage.resource(of: news))
        stage.wait(.seconds(86_400))
        #expect(stage.ingests == [news])
        try stage.demand(1, for: news)
        try stage.demand(0, for: news)
        stage.wait(.seconds(86_400))
        #expect(stage.ingests == [news])
        #expect(stage.resource(of: news) == resource)
        #expect(stage.core.channelsDocument.channels.first?.state == "warm")
        stage.publish([allocation(news, ahead: .cold)])
        #expect(stage.ingests.isEmpty)
        stage.publish([allocation(news, ahead: .warm)])
        #expect(stage.ingests == [news])
        stage.publish([allocation(news)])
        stage.wait(.seconds(60))
        #expect(stage.ingests.isEmpty)
        #expect(stage.outcome(of: news) == .released)
    }

    @Test func `what is kept warm is pulled again after a restart of the proxy`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news, ahead: .warm)])
        let state = try #require(stage.disk)
        let next = try ProxyStage(state: state, life: "life2", now: stage.now)
        #expect(next.ingests == [news])
    }

    @Test func `an allocation the server takes back ends at once, viewers or not`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        stage.connectRouter()
        try stage.connect()
        stage.publish([allocation(news)])
        try stage.demand(1, for: news)
        stage.publish([], removals: [ServerFeedItem.allocationKey(news)])
        #expect(stage.ingests.isEmpty)
        #expect(stage.localTrees == 0)
        #expect(stage.outcome(of: news) == nil)
        #expect(stage.core.counters.releasedWithdrawn == 1)
    }

    @Test func `other URLs of the same renditions keep the groups, other renditions get new ones`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news)])
        let first = try #require(stage.resource(of: news))
        var moved = description(news)
        moved.renditions[0].url = "http://elsewhere/720p.m3u8"
        stage.clear()
        stage.publish([allocation(news, description: moved)])
        #expect(stage.resource(of: news) == first)
        #expect(stage.ingests == [news])
        #expect(stage.actions.contains { if case .startIngest = $0 { true } else { false } })
        stage.publish([allocation(news, description: description(news, ["1080p", "720p", "360p"]))])
        let second = try #require(stage.resource(of: news))
        #expect(second.generation > first.generation)
        #expect(second.renditions.count == 3)
        #expect(stage.ingests == [news])
    }
}

@Suite struct DescriptionTests {
    @Test func `a media description is asked for where the server sends none`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([bare(news)])
        #expect(stage.actions.contains(.fetchDescription(server: ProxyStage.server, channel: news)))
        #expect(stage.outcome(of: news) == nil)
        stage.send(.mediaDescription(description(news)))
        #expect(stage.resource(of: news) != nil)
    }

    @Test func `one that is stored is used without asking`() throws {
        let news = try key("acme/news")
        var stage = try ProxyStage { $0.storedDescriptions = [news: description(news)] }
        try stage.connect()
        stage.publish([bare(news)])
        #expect(stage.resource(of: news) != nil)
    }

    @Test func `one that does not come is a refusal with a name`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        let sport = try key("acme/sport")
        try stage.connect()
        stage.publish([bare(news), bare(sport)])
        stage.send(.mediaDescriptionFailed(channel: news))
        #expect(stage.outcome(of: news) == .refused(reason: "no-media-description"))
        stage.wait(.seconds(5))
        #expect(stage.outcome(of: sport) == .refused(reason: "no-media-description"))
        stage.send(.mediaDescription(description(news)))
        #expect(stage.outcome(of: news) == .refused(reason: "no-media-description"), "it came too late")
        stage.publish([bare(news, serial: 2)])
        stage.send(.mediaDescription(description(news)))
        #expect(stage.resource(of: news) != nil)
    }

    @Test(arguments: [[], ["a", "a"], ["bad name"], (0..<17).map { "r\($0)" }])
    func `one that cannot be used is refused`(renditions: [String]) throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        stage.publish([allocation(news, description: description(news, renditions))])
        #expect(stage.outcome(of: news) == .refused(reason: "bad-media-description"))
        #expect(stage.ingests.isEmpty)
    }

    @Test func `an exhausted pool is a refusal, and a freed group serves the next serial after its rest`() throws {
        var stage = try ProxyStage(pools: "232.1.0.0/31")
        let news = try key("acme/news")
        let sport = try key("acme/sport")
        try stage.connect()
        stage.publish([allocation(news), allocation(sport)])
        #expect(stage.resource(of: news) != nil)
        #expect(stage.outcome(of: sport) == .refused(reason: "pool-exhausted"))
        #expect(stage.core.counters.allocationsRefused[.poolExhausted] == 1)
        stage.publish([], removals: [ServerFeedItem.allocationKey(news)])
        stage.publish([allocation(sport, serial: 2)])
        #expect(stage.outcome(of: sport) == .refused(reason: "pool-exhausted"), "the groups rest")
        stage.wait(.seconds(60))
        stage.publish([allocation(sport, serial: 3)])
        #expect(stage.resource(of: sport) != nil)
    }
}
