import Clockwork
import ControlProtocol
import ReplicationPoint
import Testing
import Wire

private let home = IPAddress.v4(IPv4Address(10, 3, 1, 7))
private let elsewhere = IPAddress.v4(IPv4Address(10, 3, 1, 8))

/// A replication point with one channel and one authorized subscriber, whose viewers the test plays.
private final class ViewerStage {
    var stage: PointStage
    let news: ChannelKey

    init(_ adjust: (inout ReplicationPointSettings) -> Void = { _ in }) throws {
        news = try #require(ChannelKey(text: "acme/news"))
        stage = try PointStage(adjust)
        stage.connect()
        stage.publish([
            .channelMap(entry(news, generation: 4, groups: [1, 2])), subscriber("alice", news, generation: 4),
        ])
    }

    func grant(
        _ subscriber: String = "alice", _ channel: ChannelKey? = nil, generation: UInt64 = 4,
        from address: IPAddress = home, lifetime: Duration = .seconds(300)
    ) -> ViewerAsk.Proof {
        .grant(
            ViewerGrant(
                subscriber: subscriber, channel: channel ?? news, generation: generation, address: address,
                expires: stage.wall + lifetime),
            text: "signed")
    }

    /// Nil when the viewer was refused; see `refusal`.
    func ask(
        _ purpose: ViewerRequest.Purpose = .masterPlaylist, _ proof: ViewerAsk.Proof? = nil,
        channel: ChannelKey? = nil, from address: IPAddress = home
    ) -> ViewerSession? {
        stage.actions = []
        stage.send(
            .viewerAsks(
                ViewerAsk(
                    channel: channel ?? news, purpose: purpose, address: address, proof: proof ?? grant())))
        return stage.actions.compactMap { if case .admitted(let session) = $0 { session } else { nil } }.first
    }

    var refusal: ViewerRefusal? {
        stage.actions.compactMap { if case .refused(let refusal) = $0 { refusal } else { nil } }.first
    }

    var closed: [SessionEnd] {
        stage.actions.compactMap { if case .closeSession(_, let reason) = $0 { reason } else { nil } }
    }

    /// Groups the router is to deliver, and to whom.
    var members: [String] {
        stage.router.current.compactMap { item in
            guard case .unicastMember(let member) = item else { return nil }
            return "\(member.tree.group) \(member.subscriber) \(member.address)"
        }
    }
}

@Suite struct ViewerTests {
    @Test func `a grant opens a session that its authorization then carries by itself`() throws {
        let viewers = try ViewerStage()
        let proof = viewers.grant(lifetime: .seconds(5))
        let session = try #require(viewers.ask(.masterPlaylist, proof))
        #expect(session.subscriber == "alice")
        #expect(session.description.renditions.map(\.name) == ["r1", "r2"])
        #expect(session.resource(of: "r2")?.port == 5_000)
        #expect(session.grant == "signed")
        viewers.stage.wait(.seconds(30))
        #expect(viewers.ask(.playlist(rendition: "r1"), proof)?.id == session.id, "the grant has expired")
        viewers.stage.wait(.seconds(61))
        #expect(viewers.closed == [.idle])
        #expect(viewers.ask(.masterPlaylist, proof) == nil)
        #expect(viewers.refusal == .grantExpired)
    }

    @Test func `every refusal has its reason, its count and a status`() throws {
        let viewers = try ViewerStage()
        let sport = try #require(ChannelKey(text: "acme/sport"))
        typealias Row = (ViewerRefusal, ViewerAsk.Proof, ViewerRequest.Purpose, ChannelKey, IPAddress)
        let rows: [Row] = [
            (.unknownChannel, viewers.grant(), .masterPlaylist, sport, home),
            (.unknownRendition, viewers.grant(), .stream(rendition: "r9"), viewers.news, home),
            (.noGrant, .none, .masterPlaylist, viewers.news, home),
            (.noGrant, .none, .stream(rendition: "r1"), viewers.news, home),
            (.grantTooLarge, .refused(.tooLarge), .masterPlaylist, viewers.news, home),
            (.grantMalformed, .refused(.malformed), .masterPlaylist, viewers.news, home),
            (.grantUnknownKey, .refused(.unknownKey), .masterPlaylist, viewers.news, home),
            (.grantBadSignature, .refused(.badSignature), .masterPlaylist, viewers.news, home),
            (.grantExpired, viewers.grant(lifetime: .zero), .masterPlaylist, viewers.news, home),
            (.wrongChannel, viewers.grant("alice", sport), .masterPlaylist, viewers.news, home),
            (.wrongAddress, viewers.grant(), .masterPlaylist, viewers.news, elsewhere),
            (.oldGeneration, viewers.grant(generation: 3), .masterPlaylist, viewers.news, home),
            (.revoked, viewers.grant("mallory"), .masterPlaylist, viewers.news, home),
            (.revoked, viewers.grant(from: elsewhere), .masterPlaylist, viewers.news, elsewhere),
            (.revoked, .none, .burst(rendition: "r1"), viewers.news, elsewhere),
        ]
        for (expected, proof, purpose, channel, address) in rows {
            #expect(viewers.ask(purpose, proof, channel: channel, from: address) == nil, "\(expected)")
            #expect(viewers.refusal == expected)
        }
        for refusal in Set(rows.map(\.0)) {
            let count = UInt64(rows.filter { $0.0 == refusal }.count)
            #expect(viewers.stage.core.counters.viewersRefused[refusal] == count)
        }
        for refusal in ViewerRefusal.allCases {
            let problem = refusal.problem(viewers.news)
            #expect(problem.code == refusal.rawValue)
            #expect([403, 404, 429, 503].contains(problem.status))
        }
        #expect(viewers.stage.core.openSessions == 0)
        #expect(viewers.members == [])
    }

    @Test func `a burst needs no grant where the authorized list holds the address`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask(.burst(rendition: "r1"), ViewerAsk.Proof.none))
        #expect(session.subscriber == "alice")
        #expect(session.grant == nil)
    }

    @Test func `the first stream joins its tree and the last one leaves it after a short while`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask(.stream(rendition: "r1")))
        #expect(viewers.members == [], "nothing is sent yet")
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        #expect(viewers.members == ["232.1.0.1 alice 10.3.1.7"])
        viewers.stage.wait(.seconds(600 - 1))
        viewers.stage.send(.streamEnded(session: session.id, rendition: "r1", bytes: 100))
        #expect(viewers.members.count == 1)
        viewers.stage.send(.streamEnded(session: session.id, rendition: "r1", bytes: 11))
        #expect(viewers.members.count == 1, "it lingers")
        #expect(viewers.stage.core.counters.bytesSent == 111)
        viewers.stage.wait(.milliseconds(900))
        #expect(viewers.members.count == 1)
    }

    @Test func `what lingers goes by itself, and the session after it`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask(.stream(rendition: "r1")))
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        viewers.stage.send(.streamEnded(session: session.id, rendition: "r1", bytes: 0))
        viewers.stage.wait(.milliseconds(1_999))
        #expect(viewers.members.count == 1)
        viewers.stage.wait(.milliseconds(1))
        #expect(viewers.members == [])
        #expect(viewers.stage.core.openSessions == 1)
        viewers.stage.wait(.seconds(58))
        #expect(viewers.stage.core.openSessions == 0)
        viewers.stage.send(.streamEnded(session: session.id, rendition: "r1", bytes: 5))
        #expect(viewers.stage.core.counters.bytesSent == 5, "a late end counts, and nothing else")
    }

    @Test func `a player of playlists keeps its rendition wanted, and another one as it switches`() throws {
        let viewers = try ViewerStage()
        for _ in 0..<10 {
            #expect(viewers.ask(.playlist(rendition: "r1")) != nil)
            viewers.stage.wait(.seconds(6))
            #expect(viewers.members == ["232.1.0.1 alice 10.3.1.7"])
        }
        #expect(viewers.ask(.playlist(rendition: "r2")) != nil)
        #expect(viewers.members.count == 2)
        viewers.stage.wait(.seconds(14))
        #expect(viewers.members == ["232.1.0.2 alice 10.3.1.7"])
        viewers.stage.wait(.seconds(6))
        #expect(viewers.members == [])
    }

    @Test func `a withdrawn authorization closes the session and its member at once`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask(.stream(rendition: "r1")))
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        viewers.stage.actions = []
        viewers.stage.publish([], removals: [ProxyFeedItem.authorizedKey(viewers.news, subscriber: "alice")])
        #expect(viewers.stage.actions.contains(.closeSession(id: session.id, reason: .revoked)))
        #expect(viewers.members == [])
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        #expect(viewers.refusal == .revoked)
        #expect(viewers.ask() == nil)
        #expect(viewers.refusal == .revoked, "though the grant is good")
    }

    @Test func `an authorization that moves to another address takes the session's ground`() throws {
        let viewers = try ViewerStage()
        #expect(viewers.ask() != nil)
        viewers.stage.actions = []
        viewers.stage.publish([subscriber("alice", viewers.news, generation: 4, address: elsewhere)])
        #expect(viewers.closed == [.revoked])
    }

    @Test func `a renewed authorization disturbs nobody, and an expired one closes`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask(.stream(rendition: "r1")))
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        viewers.stage.actions = []
        viewers.stage.publish([subscriber("alice", viewers.news, generation: 4, expires: 1_800_000)])
        viewers.stage.wait(.seconds(799))
        #expect(viewers.closed == [])
        viewers.stage.wait(.seconds(1))
        #expect(viewers.closed == [.expired])
        #expect(viewers.members == [])
    }

    @Test func `a channel that is allocated anew closes its sessions and leaves no member of the old groups`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask(.stream(rendition: "r1")))
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        viewers.stage.actions = []
        viewers.stage.publish([
            .channelMap(entry(viewers.news, generation: 5, groups: [9])),
            subscriber("alice", viewers.news, generation: 5),
        ])
        #expect(viewers.closed == [.generationChanged])
        #expect(viewers.members == [])
        #expect(viewers.ask(.masterPlaylist, viewers.grant(generation: 5))?.resource.generation == 5)
        viewers.stage.actions = []
        viewers.stage.publish([], removals: [ProxyFeedItem.channelMapKey(viewers.news)])
        #expect(viewers.closed == [.generationChanged])
        #expect(viewers.stage.core.openSessions == 0)
    }

    @Test func `a new title changes what sessions are told and closes none`() throws {
        let viewers = try ViewerStage()
        let session = try #require(viewers.ask())
        var renamed = entry(viewers.news, generation: 4, groups: [1, 2])
        renamed.description.title = "More news"
        viewers.stage.publish([.channelMap(renamed)])
        #expect(viewers.closed == [])
        let again = try #require(viewers.ask())
        #expect(again.id == session.id)
        #expect(again.description.title == "More news")
    }

    @Test func `a subscriber at its limit loses what is idle, and is refused when all of it streams`() throws {
        let viewers = try ViewerStage { $0.maximumSessionsPerSubscriber = 2 }
        let channels = try ["acme/a", "acme/b", "acme/c"].map { try #require(ChannelKey(text: $0)) }
        for (index, channel) in channels.enumerated() {
            viewers.stage.publish([
                .channelMap(entry(channel, generation: 10, groups: [UInt8(20 + index)])),
                subscriber("alice", channel, generation: 10),
            ])
        }
        var sessions: [ViewerSession] = []
        for channel in channels.prefix(2) {
            let proof = viewers.grant("alice", channel, generation: 10)
            sessions.append(try #require(viewers.ask(.masterPlaylist, proof, channel: channel)))
            viewers.stage.wait(.seconds(1))
        }
        let third = viewers.grant("alice", channels[2], generation: 10)
        let newest = try #require(viewers.ask(.masterPlaylist, third, channel: channels[2]))
        #expect(viewers.stage.actions.contains(.closeSession(id: sessions[0].id, reason: .idle)))
        viewers.stage.send(.streamBegan(session: sessions[1].id, rendition: "r21"))
        viewers.stage.send(.streamBegan(session: newest.id, rendition: "r22"))
        let first = viewers.grant("alice", channels[0], generation: 10)
        #expect(viewers.ask(.masterPlaylist, first, channel: channels[0]) == nil)
        #expect(viewers.refusal == .tooManySessionsOfSubscriber)
    }

    @Test func `the tables of sessions and of streams end where they say`() throws {
        let viewers = try ViewerStage {
            $0.maximumSessions = 1
            $0.maximumStreamsPerSession = 2
        }
        viewers.stage.publish([subscriber("bob", viewers.news, generation: 4)])
        let session = try #require(viewers.ask())
        #expect(viewers.ask(.masterPlaylist, viewers.grant("bob")) == nil)
        #expect(viewers.refusal == .tooManySessions)
        for _ in 0..<2 { viewers.stage.send(.streamBegan(session: session.id, rendition: "r1")) }
        #expect(viewers.ask(.stream(rendition: "r1")) == nil)
        #expect(viewers.refusal == .tooManyStreams)
        viewers.stage.actions = []
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        #expect(viewers.refusal == .tooManyStreams)
        #expect(viewers.ask(.playlist(rendition: "r1")) != nil, "a playlist is no stream")
    }

    @Test func `a playlist of one rendition holds all of its channel where players may switch`() throws {
        let viewers = try ViewerStage { $0.holdsAllRenditions = true }
        let session = try #require(viewers.ask(.playlist(rendition: "r1")))
        let both = ["232.1.0.1 alice 10.3.1.7", "232.1.0.2 alice 10.3.1.7"]
        #expect(viewers.members == both)
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r2"))
        viewers.stage.wait(.seconds(21))
        #expect(viewers.members == [both[1]], "nobody plays by HLS any more, and a stream holds its own rendition")
    }

    @Test func `two subscribers behind one address are two members`() throws {
        let viewers = try ViewerStage()
        viewers.stage.publish([subscriber("bob", viewers.news, generation: 4)])
        #expect(viewers.ask(.playlist(rendition: "r1")) != nil)
        #expect(viewers.ask(.playlist(rendition: "r1"), viewers.grant("bob")) != nil)
        #expect(viewers.members == ["232.1.0.1 alice 10.3.1.7", "232.1.0.1 bob 10.3.1.7"])
    }

    @Test func `a router that restarts is told of the members again`() throws {
        let viewers = try ViewerStage()
        #expect(viewers.ask(.playlist(rendition: "r1")) != nil)
        viewers.stage.router = FeedFollower()
        viewers.stage.send(.routerDisconnected)
        #expect(viewers.ask(.playlist(rendition: "r2")) != nil)
        viewers.stage.send(.routerWantsSnapshot)
        #expect(viewers.members.count == 2)
    }

    @Test func `sessions are shown with what they do, and explained with what kept them out`() throws {
        let viewers = try ViewerStage()
        func explained() -> ExplainStep? {
            viewers.stage.core.explain(subscriber: "alice", channel: viewers.news).steps.first { $0.name == "unicast" }
        }
        #expect(explained() == nil)
        #expect(viewers.ask(.masterPlaylist, viewers.grant(lifetime: .zero)) == nil)
        #expect(explained()?.reason == "grant-expired")
        let session = try #require(viewers.ask(.stream(rendition: "r1")))
        viewers.stage.send(.streamBegan(session: session.id, rendition: "r1"))
        viewers.stage.send(.sent(session: session.id, bytes: 500))
        #expect(explained()?.state == .ok)
        let progress = StreamProgress(
            session: session.id, rendition: "r1", bytes: 1_000, bitRate: 8_000_000, behindLive: .milliseconds(1_500))
        let row = viewers.stage.core.sessionsDocument([progress]).sessions.first { $0.kind == "viewer" }
        #expect(row?.name == "alice")
        #expect(row?.peer == "10.3.1.7")
        #expect(row?.state == "streaming")
        #expect(row?.detail == "acme/news, r1, 1500 bytes, 8000000 bit/s, 1500 ms behind live")
    }

    @Test func `a group and port name a rendition by the channel map alone`() throws {
        let viewers = try ViewerStage()
        let group = IPAddress.v4(IPv4Address(232, 1, 0, 2))
        let found = try #require(viewers.stage.core.rendition(group: group, port: 5_000))
        #expect(found.channel == viewers.news)
        #expect(found.rendition == "r2")
        #expect(viewers.stage.core.rendition(group: group, port: 5_002) == nil)
        #expect(viewers.stage.core.rendition(group: .v4(IPv4Address(232, 9, 9, 9)), port: 5_000) == nil)
    }

    @Test func `the memory of refusals does not grow for ever`() throws {
        let viewers = try ViewerStage()
        for number in 0...1_100 {
            #expect(viewers.ask(.masterPlaylist, viewers.grant("s\(number)")) == nil)
        }
        func reason(_ subscriber: String) -> String? {
            viewers.stage.core.explain(subscriber: subscriber, channel: viewers.news).steps.last?.reason
        }
        #expect(reason("s1100") == "revoked")
        #expect(reason("s0") == "not-authorized", "forgotten")
    }
}
