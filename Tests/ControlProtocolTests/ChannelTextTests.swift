import ControlProtocol
import Testing
import Wire

@Suite struct ChannelTextTests {
    private let channel: ChannelKey
    private let description: MediaDescription

    init() throws {
        channel = try #require(ChannelKey(text: "acme/news"))
        description = MediaDescription(
            channel: channel, title: "News\n\"now\"",
            renditions: [
                Rendition(name: "720p", width: 1_280, height: 720, bandwidth: 3_000_001, url: "http://o/720p.m3u8"),
                Rendition(name: "360p", width: 640, height: 360, bandwidth: 800_000, url: "http://o/360p.m3u8"),
            ])
    }

    private func resource(
        _ source: String = "10.255.0.1", _ group: String = "232.1.0.1", _ mode: AddressingMode = .sourceSpecific
    ) throws -> MulticastResource {
        let source = try #require(IPAddress(source))
        let group = try #require(IPAddress(group))
        return MulticastResource(
            channel: channel, generation: 7, layout: .groupPerChannel, addressing: mode,
            renditions: [
                RenditionResource(rendition: "720p", source: source, group: group, port: 5_000),
                RenditionResource(rendition: "360p", source: source, group: group, port: 5_010),
            ])
    }

    @Test func `a list of channels has a multicast and a unicast form, and no title breaks a line`() throws {
        let list = ChannelList([.init(description: description, resource: try resource())])
        let info = "#EXTINF:-1 tvg-id=\"acme/news\" group-title=\"acme\",Newsnow\n"
        #expect(list.text(.multicast) == "#EXTM3U\n\(info)rtp://10.255.0.1@232.1.0.1:5000\n")
        #expect(
            list.text(.unicast, base: "http://ott:8080", query: "?token=t")
                == "#EXTM3U\n\(info)http://ott:8080/live/acme/news/master.m3u8?token=t\n")
    }

    @Test func `a list is read as it was written, and whatever else it holds is passed over`() throws {
        let list = ChannelList([.init(description: description, resource: try resource())])
        #expect(ChannelList.urls(in: list.text(.multicast)) == [channel: "rtp://10.255.0.1@232.1.0.1:5000"])
        let odd =
            "#EXTM3U\nhttp://stray\n#EXTINF:-1,no id\nhttp://nameless\n#EXTINF:-1 tvg-id=\"a/b/c\",x\nhttp://bad\n"
        #expect(ChannelList.urls(in: odd) == [:])
    }

    @Test func `a channel without a group is in the unicast form alone`() {
        let list = ChannelList([.init(description: description, resource: nil)])
        #expect(list.text(.multicast) == "#EXTM3U\n")
        #expect(list.text(.unicast).contains("/live/acme/news/master.m3u8"))
    }

    @Test func `players' URLs name the source where hosts do, and wrap IPv6`() throws {
        let anySource = try resource("10.255.0.1", "239.1.0.1", .anySource)
        #expect(anySource.renditions[0].playerURL(anySource) == "rtp://@239.1.0.1:5000")
        let v6 = try resource("2001:db8::1", "ff3e::8000:1")
        #expect(v6.renditions[1].playerURL(v6) == "rtp://[2001:db8::1]@[ff3e::8000:1]:5010")
    }

    @Test func `a session description names group, source and format`() throws {
        let sdp = try #require(
            SessionDescription(resource: try resource(), description: description, rendition: "720p"))
        #expect(
            sdp.text
                == [
                    "v=0", "o=- 7 1 IN IP4 10.255.0.1", "s=News\"now\"", "t=0 0",
                    "a=source-filter: incl IN IP4 232.1.0.1 10.255.0.1", "m=video 5000 RTP/AVP 33",
                    "c=IN IP4 232.1.0.1/255", "b=AS:3001", "a=rtpmap:33 MP2T/90000", "",
                ].joined(separator: "\r\n"))
        let v6 = try #require(
            SessionDescription(
                resource: try resource("2001:db8::1", "ff3e::8000:1"), description: description, rendition: "360p"))
        #expect(v6.text.contains("c=IN IP6 ff3e::8000:1\r\n"))
        #expect(v6.text.contains("m=video 5010 "))
        let anySource = try resource("10.255.0.1", "239.1.0.1", .anySource)
        let open = try #require(
            SessionDescription(resource: anySource, description: description, rendition: "720p"))
        #expect(!open.text.contains("source-filter"))
        #expect(SessionDescription(resource: anySource, description: description, rendition: "9p") == nil)
    }

    @Test func `a full session description groups repair packets with the media; a plain one leaves them out`() throws {
        var resource = try resource()
        let matrix = try FECMatrix(columns: 10, rows: 10, isTwoDimensional: true)
        resource.renditions[0].fec = ForwardErrorCorrection(matrix: matrix, latency: 500)
        func text(_ form: SessionDescription.Form) throws -> String {
            try #require(
                SessionDescription(resource: resource, description: description, rendition: "720p", form: form)
            ).text
        }
        let full = try text(.full)
        #expect(full.contains("a=group:FEC-FR media columns rows\r\n"))
        #expect(full.contains("a=rtpmap:33 MP2T/90000\r\na=mid:media\r\n"))
        let repair = "c=IN IP4 232.1.0.1/255\r\na=rtpmap:96 vnd.dvb.iptv.alfec-base/90000\r\n"
        #expect(full.contains("m=application 5002 RTP/AVP 96\r\n\(repair)a=mid:columns\r\n"))
        #expect(full.hasSuffix("m=application 5004 RTP/AVP 96\r\n\(repair)a=mid:rows\r\n"))
        let plain = try text(.plain)
        #expect(!plain.contains("FEC") && !plain.contains("mid:") && !plain.contains("5002"))
        resource.renditions[0].fec?.matrix = try FECMatrix(columns: 5, rows: 10, isTwoDimensional: false)
        #expect(try text(.full).contains("a=group:FEC-FR media columns\r\n"))
        resource.renditions[0].fec = nil
        #expect(try text(.full) == plain)
    }
}
