import Clockwork
import HLS
import Testing

let base = "http://origin/live/720p/index.m3u8"

func parse(_ text: String) throws -> Playlist {
    try Playlist(parsing: Array(text.utf8), at: MediaLocation(base))
}

func parseMedia(_ text: String) throws -> MediaPlaylist {
    guard case .media(let list) = try parse(text) else { throw WrongKind() }
    return list
}

struct WrongKind: Error {}

struct RefusedPlaylist: CustomTestStringConvertible {
    let text: String
    let line: Int
    let reason: PlaylistError.Reason
    init(_ text: String, _ line: Int, _ reason: PlaylistError.Reason) {
        self.text = text
        self.line = line
        self.reason = reason
    }
    var testDescription: String { PlaylistError(line: line, reason).description }
}

private let head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"

@Suite struct PlaylistTests {
    @Test func `a live list gives its segments numbers, places and marks`() throws {
        let list = try parseMedia(
            """
            #EXTM3U\r
            #EXT-X-VERSION:4\r
            #EXT-X-TARGETDURATION:2\r
            #EXT-X-MEDIA-SEQUENCE:41\r
            #EXT-X-DISCONTINUITY-SEQUENCE:3\r
            #EXT-X-SOMETHING-NEW:42\r
            # a comment\r
            \r
            #EXT-X-KEY:METHOD=NONE\r
            #EXT-X-PROGRAM-DATE-TIME:2026-08-01T12:00:00.250+0200\r
            #EXTINF:1.960000,title\r
            seg41.ts\r
            #EXT-X-GAP\r
            #EXTINF:2,\r
            ../other/seg42.ts?token=a\r
            #EXT-X-DISCONTINUITY\r
            #EXT-X-BYTERANGE:1880@376\r
            #EXTINF:2\r
            https://cdn/all.ts\r
            #EXT-X-BYTERANGE:188\r
            #EXTINF:0.5,\r
            https://cdn/all.ts\r

            """)
        #expect(list.targetDuration == .seconds(2))
        #expect(list.mediaSequence == 41 && list.endSequence == 45 && list.discontinuitySequence == 3)
        #expect(!list.hasEnded && list.obstacle == nil && list.kind == .live)
        #expect(list.segments.map(\.sequence) == [41, 42, 43, 44])
        #expect(
            list.segments.map(\.location.description) == [
                "http://origin/live/720p/seg41.ts", "http://origin/live/other/seg42.ts?token=a",
                "https://cdn/all.ts", "https://cdn/all.ts",
            ])
        #expect(
            list.segments.map(\.duration) == [.milliseconds(1960), .seconds(2), .seconds(2), .milliseconds(500)])
        #expect(list.segments.map(\.isGap) == [false, true, false, false])
        #expect(list.segments.map(\.isDiscontinuous) == [false, false, true, false])
        #expect(list.segments[0].programDateTime == UnixTime(milliseconds: 1_785_578_400_250))
        #expect(list.segments[2].byteRange == MediaPlaylist.ByteRange(offset: 376, length: 1880))
        #expect(list.segments[3].byteRange == MediaPlaylist.ByteRange(offset: 2256, length: 188))
    }

    @Test func `a master list gives its variants and tells who lacks sound`() throws {
        let text = """
            #EXTM3U
            #EXT-X-INDEPENDENT-SEGMENTS
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English, loud",URI="audio/en.m3u8"
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="mixed",NAME="Main"
            #EXT-X-STREAM-INF:BANDWIDTH=1400000, AVERAGE-BANDWIDTH=1200000,RESOLUTION=640x360,CODECS="avc1,mp4a"
            low/index.m3u8
            #EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1280x720,AUDIO="aud"
            high/index.m3u8
            #EXT-X-STREAM-INF:BANDWIDTH=900000,AUDIO="mixed"
            other/index.m3u8
            """
        guard case .master(let list) = try parse(text) else { throw WrongKind() }
        #expect(list.variants.map(\.bandwidth) == [1_400_000, 5_000_000, 900_000])
        #expect(list.variants[0].location.path == "/live/720p/low/index.m3u8")
        #expect(list.variants[0].resolution?.width == 640 && list.variants[0].resolution?.height == 360)
        #expect(list.variants[0].averageBandwidth == 1_200_000 && list.variants[0].codecs == "avc1,mp4a")
        #expect(list.alternatives[0].name == "English, loud")
        #expect(list.variants.map(list.hasSeparateAudio) == [false, true, false])
    }

    @Test(arguments: [
        ("#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n", MulticastObstacle.keyNotSecure(line: 3)),
        (
            "#EXT-X-KEY:METHOD=AES-128,KEYFORMAT=\"com.example\",URI=\"https://keys/k\"\n",
            .encrypted(method: "AES-128 by com.example", line: 3)
        ),
        ("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n", .encrypted(method: "SAMPLE-AES", line: 3)),
        ("#EXT-X-MAP:URI=\"init.mp4\"\n", .initializationSection(line: 3)),
        ("#EXT-X-I-FRAMES-ONLY\n", .framesOnly(line: 3)),
    ])
    func `what cannot be multicast is recognised and named`(_ tag: String, _ obstacle: MulticastObstacle) throws {
        #expect(try parseMedia(head + tag + "#EXTINF:2,\na.ts\n").obstacle == obstacle)
    }

    @Test func `a key applies until the next, one way to it suffices, its vector is the number by default`() throws {
        let list = try parseMedia(
            """
            #EXTM3U
            #EXT-X-TARGETDURATION:2
            #EXT-X-MEDIA-SEQUENCE:258
            #EXTINF:2,
            clear.ts
            #EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"
            #EXT-X-KEY:METHOD=AES-128,URI="https://keys/1"
            #EXTINF:2,
            a.ts
            #EXTINF:2,
            b.ts
            #EXT-X-KEY:METHOD=AES-128,URI="https://keys/2",IV=0xaBc
            #EXTINF:2,
            c.ts
            #EXT-X-KEY:METHOD=NONE
            #EXTINF:2,
            d.ts

            """)
        #expect(list.obstacle == nil && list.encryptedLine == 7)
        #expect(list.segments.map { $0.key?.location.path } == [nil, "/1", "/1", "/2", nil])
        let zeros = [UInt8](repeating: 0, count: 14)
        #expect(list.segments[2].key?.initializationVector == zeros + [1, 4])
        #expect(list.segments[3].key?.initializationVector == zeros + [0x0A, 0xBC])
    }

    @Test(arguments: [
        RefusedPlaylist(head + "#EXT-X-KEY:METHOD=AES-128\n", 3, .missingAttribute(tag: "EXT-X-KEY", name: "URI")),
        RefusedPlaylist(
            head + "#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/\",IV=12\n", 3, .invalidNumber("EXT-X-KEY")),
        RefusedPlaylist("", 1, .missingHeader),
        RefusedPlaylist("<html>404</html>", 1, .missingHeader),
        RefusedPlaylist("\u{FEFF}#EXTM3U\n", 1, .byteOrderMark),
        RefusedPlaylist("#EXTM3U\n", 0, .noContent),
        RefusedPlaylist("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\"\n", 2, .noContent),
        RefusedPlaylist("#EXTM3U\n#EXTINF:2,\na.ts\n", 0, .missingTargetDuration),
        RefusedPlaylist(head + "a.ts\n", 3, .segmentWithoutDuration),
        RefusedPlaylist("#EXTM3U\na.ts\n", 2, .segmentWithoutDuration),
        RefusedPlaylist(head + "#EXTINF:2,\n", 3, .missingSegmentURI),
        RefusedPlaylist(head + "#EXTINF:2,\n#EXTINF:2,\na.ts\n", 4, .missingSegmentURI),
        RefusedPlaylist(head + "#EXTINF:two,\na.ts\n", 3, .invalidNumber("EXTINF")),
        RefusedPlaylist(head + "#EXTINF:-2,\na.ts\n", 3, .invalidNumber("EXTINF")),
        RefusedPlaylist(head + "#EXTINF:1e9,\na.ts\n", 3, .invalidNumber("EXTINF")),
        RefusedPlaylist(head + "#EXTINF:86401,\na.ts\n", 3, .invalidNumber("EXTINF")),
        RefusedPlaylist(head + "#EXTINF:2.,\na.ts\n", 3, .invalidNumber("EXTINF")),
        RefusedPlaylist("#EXTM3U\n#EXT-X-TARGETDURATION:0\n", 2, .invalidNumber("EXT-X-TARGETDURATION")),
        RefusedPlaylist("#EXTM3U\n#EXT-X-TARGETDURATION:3601\n", 2, .invalidNumber("EXT-X-TARGETDURATION")),
        RefusedPlaylist("#EXTM3U\n#EXT-X-TARGETDURATION:2.5\n", 2, .invalidNumber("EXT-X-TARGETDURATION")),
        RefusedPlaylist(head + "#EXT-X-TARGETDURATION:2\n", 3, .duplicateTag("EXT-X-TARGETDURATION")),
        RefusedPlaylist(
            head + "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n", 3, .invalidNumber("EXT-X-MEDIA-SEQUENCE")),
        RefusedPlaylist(
            head + "#EXTINF:2,\na.ts\n#EXT-X-MEDIA-SEQUENCE:1\n", 5, .tagAfterSegment("EXT-X-MEDIA-SEQUENCE")),
        RefusedPlaylist(
            head + "#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n", 4,
            .tagAfterSegment("EXT-X-DISCONTINUITY-SEQUENCE")),
        RefusedPlaylist(head + "#EXT-X-STREAM-INF:BANDWIDTH=1\nx\n", 3, .mixedKinds),
        RefusedPlaylist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx\n#EXTINF:2,\n", 4, .mixedKinds),
        RefusedPlaylist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", 2, .missingVariantURI),
        RefusedPlaylist(
            "#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=1x1\nx\n", 3,
            .missingAttribute(tag: "EXT-X-STREAM-INF", name: "BANDWIDTH")),
        RefusedPlaylist(
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=\"1\n", 2, .malformedAttributes("EXT-X-STREAM-INF")),
        RefusedPlaylist(
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,BANDWIDTH=2\n", 2, .malformedAttributes("EXT-X-STREAM-INF")),
        RefusedPlaylist(
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x2x3\nx\n", 3, .invalidNumber("RESOLUTION")),
        RefusedPlaylist(head + "#EXT-X-KEY:URI=\"k\"\n", 3, .missingAttribute(tag: "EXT-X-KEY", name: "METHOD")),
        RefusedPlaylist(head + "#EXT-X-MAP:BYTERANGE=\"1\"\n", 3, .missingAttribute(tag: "EXT-X-MAP", name: "URI")),
        RefusedPlaylist(head + "#EXT-X-BYTERANGE:0\n", 3, .invalidByteRange),
        RefusedPlaylist(head + "#EXT-X-BYTERANGE:1@2@3\n", 3, .invalidByteRange),
        RefusedPlaylist(head + "#EXT-X-BYTERANGE:188\n#EXTINF:2,\na.ts\n", 5, .byteRangeWithoutOffset),
        RefusedPlaylist(head + "#EXTINF:2,\nfile:///etc/shadow\n", 4, .invalidLocation(.unsupportedScheme)),
        RefusedPlaylist(head + "#EXTINF:2,\na\u{1}.ts\n", 4, .controlCharacter),
        RefusedPlaylist(head + "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n", 3, .unsupportedTag("EXT-X-SKIP")),
        RefusedPlaylist(
            head + String(repeating: "\n", count: 10_000), 10_001, .tooManyLines(limit: Playlist.maximumLines)),
        RefusedPlaylist(
            head + String(repeating: "#", count: 1 << 20), 0, .tooLarge(limit: Playlist.maximumBytes)),
    ])
    func `a broken list is refused with its line and reason`(_ row: RefusedPlaylist) {
        #expect(throws: PlaylistError(line: row.line, row.reason)) { try parse(row.text) }
    }

    @Test func `bytes that are not UTF-8 are refused`() throws {
        let location = try MediaLocation(base)
        #expect(throws: PlaylistError(line: 0, .notUTF8)) {
            try Playlist(parsing: Array(head.utf8) + [0xC3, 0x28], at: location)
        }
    }

    @Test func `a list of the greatest size is read whole`() throws {
        let count = (Playlist.maximumLines - 3) / 2
        var text = head + "#EXT-X-MEDIA-SEQUENCE:999999999999999999\n"
        for index in 0..<count { text += "#EXTINF:2,\n\(index).ts\n" }
        let list = try parseMedia(text)
        #expect(list.segments.count == count)
        #expect(list.endSequence == 999_999_999_999_999_999 + Int64(count))
    }

    @Test(arguments: 0..<40)
    func `no mutation of a list traps the parser`(_ seed: Int) throws {
        let valid = Array(
            (head + """
                #EXT-X-MEDIA-SEQUENCE:7
                #EXT-X-PROGRAM-DATE-TIME:2026-08-01T12:00:00Z
                #EXT-X-BYTERANGE:188@0
                #EXTINF:2.0,
                a.ts?x=1#y
                #EXT-X-BYTERANGE:188
                #EXTINF:2.0,
                a.ts?x=1#y
                #EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1
                #EXT-X-DISCONTINUITY
                #EXTINF:1.5,
                http://[::1]:80/../b.ts
                #EXT-X-ENDLIST
                """).utf8)
        let location = try MediaLocation(base)
        var generator = SeededGenerator(seed: UInt64(seed))
        var accepted = 0
        for _ in 0..<500 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: bytes.remove(at: index)
                case 2:
                    bytes.insert(contentsOf: Array("9999999999:,@=\"\n".utf8).shuffled(using: &generator), at: index)
                default: bytes.removeSubrange(index..<min(bytes.count, index + 30))
                }
                if bytes.isEmpty { bytes = valid }
            }
            if let playlist = try? Playlist(parsing: bytes, at: location), case .media(let list) = playlist {
                accepted += 1
                #expect(list.segments.map(\.sequence) == Array(list.mediaSequence..<list.endSequence))
            }
        }
        #expect(accepted > 0, "every mutation was refused: the test no longer reaches the deeper checks")
    }
}
