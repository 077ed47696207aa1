import HLS
import Testing

@Suite struct MasterPlaylistWriterTests {
    private typealias Variant = MasterPlaylistWriter.Variant

    @Test func `what is written is what our own parser reads`() throws {
        let writer = MasterPlaylistWriter([
            Variant(
                uri: "http://h/a.m3u8?grant=x", bandwidth: 3_000_000, width: 1_280, height: 720,
                codecs: "avc1.64001f,mp4a.40.2"),
            Variant(uri: "b.m3u8", bandwidth: 64_000, width: 0, height: 0, codecs: nil),
        ])
        let location = try MediaLocation("http://h/live/master.m3u8")
        guard case .master(let playlist) = try Playlist(parsing: Array(writer.text.utf8), at: location) else {
            Issue.record("no master playlist")
            return
        }
        #expect(playlist.variants.map(\.bandwidth) == [3_000_000, 64_000])
        #expect(playlist.variants[0].codecs == "avc1.64001f,mp4a.40.2")
        #expect(playlist.variants[0].resolution?.height == 720)
        #expect(playlist.variants[1].resolution == nil)
        #expect(playlist.variants.map(\.location.description) == ["http://h/a.m3u8?grant=x", "http://h/live/b.m3u8"])
    }

    @Test(arguments: ["", "a\"b", "a\nb"])
    func `codecs that would break the line are left out`(codecs: String) {
        let writer = MasterPlaylistWriter([
            Variant(uri: "a", bandwidth: 1, width: 1, height: 1, codecs: codecs)
        ])
        #expect(writer.text == "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x1\na\n")
    }
}
