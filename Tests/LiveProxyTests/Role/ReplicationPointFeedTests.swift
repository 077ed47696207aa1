import Clockwork
import ControlProtocol
import LiveProxy
import Testing
import Wire

@Suite struct ReplicationPointFeedTests {
    @Test func `each point hears of the channel and of its own subscribers alone, by the longest prefix`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "wide", prefixes: ["10.3.0.0/16"])
        try stage.follow(as: "narrow", prefixes: ["10.3.1.0/24"])
        stage.publish([allocation(news)])
        let generation = try #require(stage.resource(of: news)?.generation)
        stage.publish([try join(news, "near", at: "10.3.1.7"), try join(news, "far", at: "10.3.2.7")])
        stage.publish([try join(news, "nowhere", at: "192.0.2.1")])
        #expect(stage.mapped(at: "wide") == [news])
        #expect(stage.mapped(at: "narrow") == [news])
        #expect(stage.authorized(at: "wide") == ["acme/news far \(generation)"])
        #expect(stage.authorized(at: "narrow") == ["acme/news near \(generation)"])
    }

    @Test func `a point that comes with a longer prefix takes its subscribers over, and gives them back`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "wide", prefixes: ["10.3.0.0/16"])
        stage.publish([allocation(news), try join(news, "s1", at: "10.3.1.7")])
        #expect(stage.authorized(at: "wide").count == 1)
        try stage.follow(as: "narrow", prefixes: ["10.3.1.0/24"])
        #expect(stage.authorized(at: "wide") == [])
        #expect(stage.authorized(at: "narrow").count == 1)
        stage.send(.feedClosed(point: "narrow"))
        stage.wait(.seconds(15))
        #expect(stage.authorized(at: "wide").count == 1)
        #expect(stage.events.contains(.replicationPointExpired(name: "narrow")))
        #expect(stage.core.report(to: ProxyStage.server)?.replicationPoints.map(\.name) == ["wide"])
    }

    @Test func `a withdrawn or released authorization leaves the points`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.0.0/16"])
        stage.publish([allocation(news), try join(news, "s1", at: "10.3.1.7"), try join(news, "s2", at: "10.3.1.8")])
        stage.publish([], removals: [ServerFeedItem.channelJoinKey(news, subscriber: "s1")])
        #expect(stage.authorized(at: "rp1").count == 1)
        stage.wait(.seconds(60))
        #expect(stage.outcome(of: news) == .released)
        #expect(stage.authorized(at: "rp1") == [])
        #expect(stage.mapped(at: "rp1") == [])
    }

    @Test func `applied is told in the server's revisions, and only when the point's router has it`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        try stage.follow(as: "rp2", prefixes: ["10.3.2.0/24"])
        stage.publish([allocation(news)])
        try stage.apply(at: "rp1")
        try stage.apply(at: "rp2")
        let before = try #require(stage.revision())
        #expect(stage.applied(at: "rp1") == before)
        stage.clear()
        stage.publish([try join(news, "s1", at: "10.3.1.7")])
        #expect(stage.applied(at: "rp1") == before, "its router has not applied it yet")
        #expect(stage.applied(at: "rp2") == before + 1, "nothing of it concerns this point")
        try stage.apply(at: "rp1")
        #expect(stage.applied(at: "rp1") == before + 1)
        #expect(stage.actions.last == .reportDue(server: ProxyStage.server))
    }

    @Test func `a join that waits for its allocation does not count as passed on`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        try stage.apply(at: "rp1")
        stage.publish([bare(news)])
        let allocated = try #require(stage.revision())
        stage.publish([try join(news, "s1", at: "10.3.1.7")])
        #expect(stage.applied(at: "rp1") == allocated)
        stage.send(.mediaDescription(description(news)))
        #expect(stage.applied(at: "rp1") == allocated, "the point has to apply it first")
        try stage.apply(at: "rp1")
        #expect(stage.applied(at: "rp1") == allocated + 1)
    }

    @Test func `a point that starts over counts from nothing`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        stage.publish([allocation(news), try join(news, "s1", at: "10.3.1.7")])
        try stage.apply(at: "rp1")
        #expect(stage.applied(at: "rp1") == stage.revision())
        stage.send(.feedClosed(point: "rp1"))
        stage.points["rp1"] = FeedFollower()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        #expect(stage.applied(at: "rp1") == 0)
        #expect(stage.authorized(at: "rp1").count == 1)
        try stage.apply(at: "rp1")
        #expect(stage.applied(at: "rp1") == stage.revision())
    }

    @Test func `a point whose connection broke for a moment misses nothing`() throws {
        var stage = try ProxyStage()
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        stage.publish([allocation(news)])
        stage.send(.feedClosed(point: "rp1"))
        stage.publish([try join(news, "s1", at: "10.3.1.7")])
        #expect(stage.authorized(at: "rp1") == [])
        stage.clear()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        #expect(stage.authorized(at: "rp1").count == 1)
        let snapshots = stage.actions.filter { if case .publish(_, .snapshot) = $0 { true } else { false } }
        #expect(snapshots.isEmpty, "the changes are enough")
    }

    @Test func `reports of another life or of the future are counted and change nothing`() throws {
        var stage = try ProxyStage()
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.1.0/24"])
        let epoch = try #require(stage.points["rp1"]?.position?.epoch)
        for position in [FeedPosition(epoch: "other", revision: 0), FeedPosition(epoch: epoch, revision: 99)] {
            stage.send(.replicationPointReported(point: "rp1", report: ReplicationPointReport(position: position)))
        }
        #expect(stage.core.counters.reportsOutdated == 2)
        #expect(stage.applied(at: "rp1") == 0)
    }

    @Test func `registrations that cannot be used, and strangers, are refused by name`() throws {
        var stage = try ProxyStage { $0.maximumReplicationPoints = 1 }
        let prefix = try #require(IPPrefix("10.3.1.0/24"))
        func refusal(_ input: LiveProxyInput) -> String? {
            stage.clear()
            stage.send(input)
            for action in stage.actions { if case .refuse(let problem) = action { return problem.code } }
            return nil
        }
        let register = { ReplicationPointRegistration(name: $0, prefixes: $1) }
        #expect(refusal(.replicationPointRegistered(register("rp1", []))) == "bad-registration")
        #expect(refusal(.replicationPointRegistered(register("../x", [prefix]))) == "bad-registration")
        #expect(refusal(.replicationPointRegistered(register("rp1", [prefix]))) == nil)
        #expect(refusal(.replicationPointRegistered(register("rp2", [prefix]))) == "too-many-replication-points")
        #expect(refusal(.feedOpened(point: "rp2", position: nil)) == "unknown-replication-point")
        let report = ReplicationPointReport(position: FeedPosition(epoch: "e", revision: 0))
        #expect(refusal(.replicationPointReported(point: "rp2", report: report)) == "unknown-replication-point")
    }

    @Test func `authorizations beyond the limit are counted and not passed on`() throws {
        var stage = try ProxyStage { $0.maximumAuthorizedSubscribers = 2 }
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.0.0/16"])
        stage.publish([allocation(news)])
        for number in 1...3 { stage.publish([try join(news, "s\(number)", at: "10.3.1.\(number)")]) }
        #expect(stage.authorized(at: "rp1").count == 2)
        #expect(stage.core.counters.joinsOverLimit == 1)
        stage.publish([], removals: [ServerFeedItem.channelJoinKey(news, subscriber: "s1")])
        stage.publish([try join(news, "s4", at: "10.3.1.4")])
        #expect(stage.authorized(at: "rp1").count == 2)
    }
}

extension ReplicationPointFeedTests {
    @Test func `each point gets the media description with the map, and the key that grants are verified with`() throws
    {
        let grantKey = GrantKey(keyIdentifier: "k1", publicKey: "pem")
        var stage = try ProxyStage { $0.grantKey = grantKey }
        let news = try key("acme/news")
        try stage.connect()
        try stage.follow(as: "rp1", prefixes: ["10.3.0.0/16"])
        #expect(stage.points["rp1"]?.current == [.grantKey(grantKey)])
        stage.publish([allocation(news)])
        func described() -> MediaDescription? {
            for case .channelMap(let entry) in stage.points["rp1"]?.current ?? [] { return entry.description }
            return nil
        }
        #expect(described() == description(news))
        var renamed = description(news)
        renamed.title = "More news"
        stage.publish([allocation(news, description: renamed)])
        #expect(described()?.title == "More news")
        try stage.follow(as: "rp2", prefixes: ["10.4.0.0/16"])
        #expect(stage.points["rp2"]?.current == stage.points["rp1"]?.current)
    }
}
