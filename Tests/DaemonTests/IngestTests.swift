import Clockwork
import ControlProtocol
import JSONCoding
import LinuxIO
import MediaFixtures
import Synchronization
import Testing
import Wire

/// A live channel of one-second segments whose origin does, at certain segments, what origins do.
private struct FaultyChannel: Sendable {
    static let cutShort = 8, noMedia = 9, absent = 10, elsewhere = 11, cutInPacket = 12

    let began = MonotonicClock.now()
    private let media: [UInt8]

    init() {
        var source = StreamGenerator()
        source.packetsPerReference = 20
        media = source.segment(references: 25)
    }

    func answer(_ path: String, _ attempt: Int) -> RawOrigin.Answer {
        if path == "/live.m3u8" { return .redirect(to: "/cdn/live.m3u8") }
        if path == "/cdn/live.m3u8" { return list(attempt) }
        let name = path.split(separator: "/").last?.prefix { $0 != "." } ?? ""
        guard let sequence = Int(name), path.hasSuffix(".ts") else { return .notFound }
        switch sequence {
        case Self.cutShort where attempt == 1: return RawOrigin.Answer(body: media, cutAfter: media.count / 3)
        case Self.noMedia: return RawOrigin.Answer(body: Array("<html>busy</html>".utf8))
        case Self.absent: return .notFound
        case Self.elsewhere where path.hasPrefix("/cdn/"): return .redirect(to: "/other/\(sequence).ts")
        case Self.cutInPacket: return RawOrigin.Answer(body: Array(media.dropLast(100)))
        default: return RawOrigin.Answer(body: media)
        }
    }

    /// Ten segments stand at the start; the fourth list is cut short in the middle of a line.
    private func list(_ attempt: Int) -> RawOrigin.Answer {
        let end = 10 + Int((MonotonicClock.now() - began).seconds)
        var text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:\(end - 8)\n"
        for sequence in (end - 8)..<end { text += "#EXT-X-DISCONTINUITY\n#EXTINF:1,\n\(sequence).ts\n" }
        let bytes = Array(text.utf8)
        return RawOrigin.Answer(
            headers: ["Content-Type: application/vnd.apple.mpegurl"], body: attempt == 4 ? bytes.dropLast(6) : bytes)
    }
}

@Suite(.serialized) struct IngestTests {
    @Test(.timeLimit(.minutes(1)))
    func `what an origin does wrong is counted by name, costs what it broke, and the rest is sent`() async throws {
        let channel = FaultyChannel()
        let origin = try RawOrigin { channel.answer($0, $1) }
        defer { origin.close() }
        let stage = try Stage()
        let news = try #require(ChannelKey(text: "acme/news"))
        let rendition = Rendition(
            name: "180p", width: 320, height: 180, bandwidth: 800_000,
            url: "http://127.0.0.1:\(origin.port)/live.m3u8")
        let description = MediaDescription(channel: news, title: "News", renditions: [rendition])
        let allocation = ServerFeedItem.allocation(
            AllocationIndication(channel: news, serial: 1, description: description))
        try await stage.run {
            try await stage.withRoles {
                stage.server.publish([allocation])
                try await eventually("the tree is known to the router") { stage.proxyRouter.items.count == 1 }
                let tree = SourceGroup(
                    source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(232, 1, 0, 0)))
                stage.proxyRouter.demand([TreeDemand(tree: tree, outputPorts: 1)])
                try await eventually("the stream has passed every fault") {
                    try await Self.counters(stage)["media-source-partial-packets"] == 1
                }
                let counters = try await Self.counters(stage)
                func count(_ name: String) -> UInt64 { counters[name] ?? 0 }
                #expect(count("ingest-playlists-refused") == 1, "\(counters)")
                // The segment that was cut short was had at the second try; the absent one was tried twice or more.
                #expect(count("ingest-segment-failures") >= 3)
                #expect(count("ingest-segments-skipped") + count("ingest-segments-missed") == 1)
                // What is no media was delivered and refused.
                #expect(count("ingest-segments-refused") == 1)
                #expect(count("ingest-segments-delivered") >= 5)
                #expect(count("ingest-discontinuities") >= 4)
                #expect(count("media-packets") > 0 && count("media-packets-dropped") == 0)
            }
        }
        let counts = origin.counts.withLock { $0 }
        #expect(counts.requests["/cdn/\(FaultyChannel.cutShort).ts"] == 2)
        #expect(counts.requests["/other/\(FaultyChannel.elsewhere).ts"] == 1)
        #expect(counts.requests["/cdn/\(FaultyChannel.noMedia).ts"] == 1)
        // One pool: two downloads and a list at a time, and one more for the connection that broke.
        #expect(counts.requests.values.reduce(0, +) > 15)
        #expect(counts.connections <= 5, "\(counts.connections) connections for \(counts.requests)")
    }

    private static func counters(_ stage: Stage) async throws -> [String: UInt64] {
        let document = try JSONText.decode(
            RoleCountersDocument.self, from: try await stage.show(.counters, at: "proxy"))
        return Dictionary(document.counters.map { ($0.name, $0.count) }, uniquingKeysWith: { first, _ in first })
    }
}
