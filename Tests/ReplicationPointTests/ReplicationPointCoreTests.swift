import Clockwork
import ControlProtocol
import ReplicationPoint
import Testing
import Wire

@Suite struct ReplicationPointCoreTests {
    private let news: ChannelKey

    init() throws {
        news = try #require(ChannelKey(text: "acme/news"))
    }

    @Test func `a subscriber may join every tree of its channel, and hosts that name no source find it`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.publish([
            .channelMap(entry(news, generation: 4, groups: [1, 2])), subscriber("s1", news, generation: 4),
        ])
        #expect(
            stage.told == [
                "authorization/(10.255.0.1,232.1.0.1)/s1", "authorization/(10.255.0.1,232.1.0.2)/s1",
                "source-mapping/232.1.0.1", "source-mapping/232.1.0.2",
            ])
        guard case .authorization(let entry) = stage.router.current.first else {
            Issue.record("no authorization")
            return
        }
        #expect(entry.expires == UnixTime(milliseconds: 1_600_000))
        #expect(entry.label == "acme/news")
        #expect(entry.binding.addresses == [.v4(IPv4Address(10, 3, 1, 7))])
    }

    @Test func `an authorization of another generation opens nothing`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.publish([subscriber("early", news, generation: 4)])
        #expect(stage.told == [], "there is no map yet")
        stage.publish([.channelMap(entry(news, generation: 5, groups: [1])), subscriber("s1", news, generation: 5)])
        #expect(stage.told == ["authorization/(10.255.0.1,232.1.0.1)/s1", "source-mapping/232.1.0.1"])
        stage.publish([.channelMap(entry(news, generation: 6, groups: [1]))])
        #expect(stage.told == ["source-mapping/232.1.0.1"], "the group's last owner's subscribers are worthless")
        #expect(stage.core.counters.outdatedGenerations > 0)
        stage.publish([subscriber("early", news, generation: 6)])
        #expect(stage.told == ["authorization/(10.255.0.1,232.1.0.1)/early", "source-mapping/232.1.0.1"])
    }

    @Test func `a channel that moves to other groups takes its subscribers along`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.publish([.channelMap(entry(news, generation: 1, groups: [1])), subscriber("s1", news, generation: 1)])
        stage.publish([.channelMap(entry(news, generation: 2, groups: [9])), subscriber("s1", news, generation: 2)])
        #expect(stage.told == ["authorization/(10.255.0.1,232.1.0.9)/s1", "source-mapping/232.1.0.9"])
    }

    @Test func `withdrawing leaves nothing behind`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.publish([
            .channelMap(entry(news, generation: 1, groups: [1])), subscriber("s1", news, generation: 1),
            subscriber("s2", news, generation: 1),
        ])
        stage.publish([], removals: [ProxyFeedItem.authorizedKey(news, subscriber: "s1")])
        #expect(stage.told == ["authorization/(10.255.0.1,232.1.0.1)/s2", "source-mapping/232.1.0.1"])
        stage.publish(
            [], removals: [ProxyFeedItem.authorizedKey(news, subscriber: "s2"), ProxyFeedItem.channelMapKey(news)])
        #expect(stage.told == [])
        #expect(stage.core.channelsDocument.channels == [])
        #expect(stage.core.subscribersDocument.subscribers == [])
    }

    @Test func `the proxy hears of a position only when the router has applied it`() throws {
        var stage = try PointStage()
        stage.connect()
        #expect(stage.reported == nil)
        try stage.apply()
        #expect(stage.reported == stage.proxy.position)
        let before = stage.reported
        stage.publish([.channelMap(entry(news, generation: 1, groups: [1]))])
        stage.publish([subscriber("s1", news, generation: 1)])
        #expect(stage.reported == before)
        try stage.apply()
        #expect(stage.reported == stage.proxy.position)
    }

    @Test func `a change that means nothing to the router is reported at once`() throws {
        var stage = try PointStage()
        stage.connect()
        try stage.apply()
        stage.publish([subscriber("s1", news, generation: 1)])
        #expect(stage.reported == stage.proxy.position)
    }

    @Test func `after a restart the router is told nothing until the proxy has spoken`() throws {
        var stage = try PointStage(life: "life2")
        stage.send(.routerWantsSnapshot)
        stage.wait(.seconds(3_600))
        #expect(stage.routerMessages == [])
        _ = stage.proxy.update(upserts: [.channelMap(entry(news, generation: 1, groups: [1]))])
        stage.send(.proxyConnected)
        stage.send(.proxyFeed(stage.proxy.snapshot))
        #expect(stage.told == ["source-mapping/232.1.0.1"])
        guard case .snapshot = stage.routerMessages.first, stage.routerMessages.count == 1 else {
            Issue.record("one snapshot expected, got \(stage.routerMessages)")
            return
        }
    }

    @Test func `a router that restarts gets everything again`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.publish([.channelMap(entry(news, generation: 1, groups: [1]))])
        try stage.apply()
        stage.router = FeedFollower()
        stage.send(.routerDisconnected)
        stage.publish([subscriber("s1", news, generation: 1)])
        #expect(stage.told == [])
        stage.send(.routerWantsSnapshot)
        #expect(stage.told.count == 2)
        #expect(stage.reported != stage.proxy.position)
        try stage.apply()
        #expect(stage.reported == stage.proxy.position)
    }

    @Test func `an authorization ends when it expires, though the proxy is silent`() throws {
        var stage = try PointStage()
        stage.connect()
        let map = ProxyFeedItem.channelMap(entry(news, generation: 1, groups: [1]))
        stage.publish([map, subscriber("s1", news, generation: 1, expires: 1_010_000)])
        stage.publish([subscriber("s2", news, generation: 1, expires: 1_005_000)])
        stage.publish([subscriber("s2", news, generation: 1, expires: 1_020_000)])
        stage.wait(.milliseconds(9_999))
        #expect(stage.told.count == 3)
        stage.wait(.milliseconds(1))
        #expect(stage.told == ["authorization/(10.255.0.1,232.1.0.1)/s2", "source-mapping/232.1.0.1"])
        #expect(stage.actions.contains(.event(.expired(subscriber: "s1", channel: news))))
        stage.wait(.seconds(10))
        #expect(stage.told == ["source-mapping/232.1.0.1"])
        stage.publish([subscriber("late", news, generation: 1, expires: 1_000)])
        #expect(stage.told == ["source-mapping/232.1.0.1"])
        #expect(stage.core.counters.expiredOnArrival == 1)
    }

    @Test func `a calendar that is set back does not end an authorization early`() throws {
        var stage = try PointStage()
        stage.connect()
        let map = ProxyFeedItem.channelMap(entry(news, generation: 1, groups: [1]))
        stage.publish([map, subscriber("s1", news, generation: 1, expires: 1_010_000)])
        stage.wall = UnixTime(milliseconds: 995_000)
        stage.wait(.seconds(14))
        #expect(stage.told.count == 2)
        stage.wait(.seconds(1))
        #expect(stage.told.count == 1)
    }

    @Test func `a lost place asks for a snapshot and keeps what the router has`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.publish([.channelMap(entry(news, generation: 1, groups: [1])), subscriber("s1", news, generation: 1)])
        _ = stage.proxy.update(upserts: [subscriber("missed", news, generation: 1)])
        stage.publish([subscriber("s2", news, generation: 1)])
        #expect(stage.actions.contains(.resynchronize))
        #expect(stage.told.count == 2)
        stage.send(.proxyFeed(stage.proxy.snapshot))
        #expect(stage.told.count == 4)
        try stage.apply()
        #expect(stage.reported == stage.proxy.position)
    }

    @Test func `positions nobody published are counted`() throws {
        var stage = try PointStage()
        stage.connect()
        stage.send(.routerApplied(FeedPosition(epoch: "other", revision: 0)))
        stage.send(.routerApplied(FeedPosition(epoch: "life1", revision: 99)))
        #expect(stage.core.counters.positionsUnknown == 2)
        #expect(stage.reported == nil)
    }

    @Test func `explain names the first thing that is missing`() throws {
        var stage = try PointStage()
        stage.connect()
        func reason() -> String? {
            stage.core.explain(subscriber: "s1", channel: news).steps.first { $0.state != .ok }?.reason
        }
        #expect(reason() == "not-mapped")
        stage.publish([.channelMap(entry(news, generation: 2, groups: [1]))])
        #expect(reason() == "not-authorized")
        stage.publish([subscriber("s1", news, generation: 1)])
        #expect(reason() == "outdated-generation")
        stage.publish([subscriber("s1", news, generation: 2)])
        #expect(reason() == nil)
    }

    @Test func `the proxy's grant keys are passed on whenever they change, and only then`() throws {
        var stage = try PointStage()
        stage.connect()
        let first = GrantKey(keyIdentifier: "k1", publicKey: "one")
        let second = GrantKey(keyIdentifier: "k2", publicKey: "two")
        stage.publish([.grantKey(first)])
        stage.publish([.channelMap(entry(news, generation: 1, groups: [1]))])
        stage.publish([.grantKey(second)])
        stage.publish([], removals: [ProxyFeedItem.grantKey(first).key])
        let told = stage.actions.compactMap { if case .grantKeys(let keys) = $0 { keys } else { nil } }
        #expect(told == [[first], [first, second], [second]])
    }
}
