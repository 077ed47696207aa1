import Clockwork
import ControlProtocol
import LiveProxy
import Testing
import Wire

@Suite struct OfferTests {
    private static let now = UnixTime(milliseconds: 0)
    private let news: ChannelKey
    private let viewer: IPAddress

    init() throws {
        news = try key("acme/news")
        viewer = try #require(IPAddress("10.3.1.7"))
    }

    /// A proxy with one viewer who may watch, served by `rp1`.
    private func stage(httpBase: String? = "http://10.3.0.1:8080") throws -> ProxyStage {
        var stage = try ProxyStage()
        try stage.connect()
        let prefix = try #require(IPPrefix("10.3.0.0/16"))
        stage.send(
            .replicationPointRegistered(
                ReplicationPointRegistration(name: "rp1", prefixes: [prefix], httpBase: httpBase)))
        stage.publish([allocation(news), try join(news, "alice", at: "10.3.1.7")])
        return stage
    }

    private func refusal(
        _ stage: inout ProxyStage, _ channel: ChannelKey? = nil, to address: IPAddress? = nil,
        at time: UnixTime = OfferTests.now
    ) -> Problem? {
        do throws(Problem) {
            _ = try stage.core.offer(channel ?? news, to: address ?? viewer, at: time)
            return nil
        } catch {
            return error
        }
    }

    @Test func `who joined is sent to the point of its address, with a short grant for it alone`() throws {
        var stage = try stage(httpBase: "http://10.3.0.1:8080/")
        let basis = try stage.core.offer(news, to: viewer, at: Self.now)
        #expect(basis.replicationPoint == "http://10.3.0.1:8080")
        #expect(basis.description == description(news))
        let generation = try #require(stage.resource(of: news)?.generation)
        #expect(
            basis.grant
                == ViewerGrant(
                    subscriber: "alice", channel: news, generation: generation, address: viewer,
                    expires: Self.now + ViewerGrant.lifetime))
        let late = UnixTime(milliseconds: 500_000)
        let short = try stage.core.offer(news, to: viewer, at: late)
        #expect(short.grant.expires == UnixTime(milliseconds: 600_000), "no longer than the authorization")
    }

    @Test func `the longest prefix decides`() throws {
        var stage = try stage()
        let prefix = try #require(IPPrefix("10.3.1.0/24"))
        stage.send(
            .replicationPointRegistered(
                ReplicationPointRegistration(name: "near", prefixes: [prefix], httpBase: "http://10.3.1.1:8080")))
        #expect(try stage.core.offer(news, to: viewer, at: Self.now).replicationPoint == "http://10.3.1.1:8080")
    }

    @Test func `who has not joined is refused, whatever else is wrong`() throws {
        var stage = try stage()
        let sport = try key("acme/sport")
        #expect(refusal(&stage, sport)?.code == "no-channel-join")
        let stranger = IPAddress.v4(IPv4Address(10, 3, 1, 8))
        #expect(refusal(&stage, to: stranger)?.code == "no-channel-join")
        #expect(refusal(&stage, at: UnixTime(milliseconds: 600_000))?.code == "no-channel-join", "it has expired")
        #expect(refusal(&stage)?.code == nil)
        stage.publish([], removals: [ServerFeedItem.channelJoinKey(news, subscriber: "alice")])
        #expect(refusal(&stage)?.status == 403)
        let counted = stage.core.countersDocument.counters.first { $0.name == "offers-refused-no-channel-join" }
        #expect(counted?.count == 4)
    }

    @Test func `a join of an earlier allocation opens nothing`() throws {
        var stage = try stage()
        stage.publish([try join(news, "alice", at: "10.3.1.7", serial: 9)])
        #expect(refusal(&stage)?.code == "no-channel-join")
    }

    @Test func `without a point, or a point that serves unicast, the answer says what to do`() throws {
        var silent = try stage()
        silent.wait(.seconds(15))
        #expect(refusal(&silent)?.code == "no-replication-point")
        var deaf = try stage(httpBase: nil)
        let problem = try #require(refusal(&deaf))
        #expect(problem.code == "no-unicast-service")
        #expect(problem.status == 503)
        #expect(problem.detail.contains("http-base"))
    }
}
