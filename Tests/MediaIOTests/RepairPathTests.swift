import Clockwork
import ControlProtocol
import Foundation
import Lab
import LinuxIO
import MediaIO
import OTTClient
import Repair
import Testing

@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct RepairPathTests {
    private static func matrix(_ columns: Int, _ rows: Int) throws -> FECMatrix {
        try FECMatrix(columns: columns, rows: rows, isTwoDimensional: true)
    }

    @Test func `our client mends what a line loses of our proxy's packets`() throws {
        let street = try RepairStreet("mend")
        defer { street.lab.tearDown() }
        let loss = try street.lose(perMille: 20, seed: 11)
        let sender = try MediaSender()
        defer { sender.stop() }
        let loop = try EventLoop()
        let fec = ForwardErrorCorrection(matrix: try Self.matrix(10, 10), latency: 700)
        let receiver = try street.at(street.viewer) { interface in
            try MediaReceiver(
                street.subscription(interface), to: MediaSink(file: street.viewer.path("out.ts")), on: loop,
                configuration: .init(repairing: fec))
        }
        let id = try street.send(fec.matrix, by: sender)
        try RepairStreet.feed(sender, id, seconds: 6)
        _ = try run(loop, atMost: .seconds(7)) { false }
        let sent = try #require(try sender.removed(id))
        _ = try run(loop, atMost: .seconds(1)) { false }
        let report = receiver.close()
        #expect(try loss.lost() > 20, "the line lost nothing")
        #expect(report.mendedByFEC > 15 && report.continuityErrors == 0, "\(report)")
        // The last block has no column packets: the stream ended.
        #expect(report.packets + report.mendedByFEC + report.lost > sent.transmission.packets - 10)
        #expect(report.fec.malformed.total == 0 && report.refused.total == 0)
        #expect(sent.repair.droppedPackets == 0)
        let blocks = sent.transmission.packets / 100
        #expect(sent.repair.rowPackets == sent.transmission.packets / 10)
        #expect(sent.repair.columnPackets >= (blocks - 1) * 10 && sent.repair.columnPackets <= blocks * 10)
    }

    @Test(.enabled(if: Peer.gstreamer.isInstalled, "GStreamer is not installed"))
    func `GStreamer's decoder mends with our repair packets`() throws {
        let street = try RepairStreet("gst")
        defer { street.lab.tearDown() }
        let (mended, plain) = (street.viewer.path("mended.ts"), street.viewer.path("plain.ts"))
        let players = try [
            street.viewer.start("mending", Peer.gstreamerMending(to: mended)),
            street.viewer.start("plain", Peer.gstreamerPlain(to: plain)),
        ]
        #expect(eventually(within: .seconds(10)) { players.allSatisfy { $0.log.contains("PLAYING") } })
        let loss = try street.lose(perMille: 20, seed: 5)
        let sender = try MediaSender()
        defer { sender.stop() }
        let id = try street.send(try Self.matrix(8, 5), by: sender)
        try RepairStreet.feed(sender, id, seconds: 8)
        usleep(9_500_000)
        for player in players { player.stop() }
        #expect(try loss.lost() > 30)
        let (whole, holed) = (try continuity(of: mended), try continuity(of: plain))
        #expect(whole.packets > 18_000 && whole.errors == 0, "\(whole) with repair, \(holed) without")
        #expect(holed.errors > 20, "\(holed)")
    }

    @Test(.enabled(if: Peer.ffmpeg.isInstalled, "ffmpeg is not installed"))
    func `ffmpeg's repair packets mend in our client`() throws {
        let street = try RepairStreet("prompeg")
        defer { street.lab.tearDown() }
        let loss = try street.lose(perMille: 20, seed: 3)
        let loop = try EventLoop()
        let fec = ForwardErrorCorrection(matrix: try Self.matrix(5, 5), latency: 1_500)
        let receiver = try street.at(street.viewer) { interface in
            try MediaReceiver(
                street.subscription(interface), to: MediaSink(file: street.viewer.path("out.ts")), on: loop,
                configuration: .init(repairing: fec))
        }
        let encoder = try street.proxy.start("ffmpeg", Peer.prompeg(to: "\(RepairStreet.group):5000"))
        _ = try run(loop, atMost: .seconds(12)) { !encoder.isRunning }
        _ = try run(loop, atMost: .seconds(2)) { false }
        let report = receiver.close()
        #expect(try loss.lost() > 15, "\(encoder.log)")
        #expect(report.mendedByFEC > 10 && report.continuityErrors == 0, "\(report)")
        #expect(report.fec.malformed.total == 0)
    }

    @Test(.enabled(if: Peer.tshark.isInstalled, "tshark is not installed"))
    func `tshark dissects our repair packets`() throws {
        let street = try RepairStreet("shark")
        defer { street.lab.tearDown() }
        let capture = try PacketCapture("fec", in: street.viewer, on: "eth0", filter: "udp")
        let sender = try MediaSender()
        defer { sender.stop() }
        let id = try street.send(try Self.matrix(10, 10), by: sender)
        try RepairStreet.feed(sender, id, seconds: 3)
        usleep(3_500_000)
        let sent = try #require(try sender.removed(id))
        usleep(300_000)
        capture.stop()
        let column = "udp.dstport == 5002 && 2dparityfec.d == 0 && 2dparityfec.offset == 10 && 2dparityfec.na == 10"
        let row = "udp.dstport == 5004 && 2dparityfec.d == 1 && 2dparityfec.offset == 1 && 2dparityfec.na == 10"
        // Ten packets of equal length and type leave nothing of either.
        let sound = "2dparityfec.e == 1 && 2dparityfec.lr == 0 && 2dparityfec.ptr == 0 && 2dparityfec.mask == 0"
        let marked = "ip.dsfield.dscp == 34 && ip.ttl == 16"
        let counts = try capture.counts(matching: [
            "\(column) && \(sound) && \(marked)", "\(row) && \(sound) && \(marked)", "2dparityfec && _ws.malformed",
            "2dparityfec",
        ])
        #expect(counts[0] == sent.repair.columnPackets && counts[1] == sent.repair.rowPackets)
        #expect(counts[2] == 0)
        #expect(counts[3] == counts[0] + counts[1] && counts[3] > 100, "\(counts)")
    }
}

/// Programs that judge; how they are called.
private enum Peer: String {
    case gstreamer = "gst-launch-1.0"
    case ffmpeg
    case tshark

    var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/\(rawValue)") }

    private static func source(_ port: Int, _ capabilities: String) -> [String] {
        [
            "udpsrc", "address=\(RepairStreet.group)", "port=\(port)", "multicast-iface=eth0", "buffer-size=4000000",
            "caps=application/x-rtp,media=video,clock-rate=90000,\(capabilities)",
        ]
    }

    private static let media = source(5000, "encoding-name=MP2T,payload=33")
    private static func end(_ file: String) -> [String] {
        // It holds what is missing for as long as our repair may take, and puts back in order what it mended late.
        [
            "!", "rtpjitterbuffer", "latency=900", "!", "rtpmp2tdepay", "!", "filesink", "buffer-mode=2",
            "location=\(file)",
        ]
    }

    private static let launch = [gstreamer.rawValue]

    static func gstreamerPlain(to file: String) -> [String] { launch + media + end(file) }

    static func gstreamerMending(to file: String) -> [String] {
        launch + ["rtpst2022-1-fecdec", "name=fec", "size-time=2000000000"] + end(file) + media
            + ["!", "queue", "!", "fec.sink"] + source(5002, "payload=96") + ["!", "queue", "!", "fec.fec_0"]
            + source(5004, "payload=96") + ["!", "queue", "!", "fec.fec_1"]
    }

    static func prompeg(to address: String) -> [String] {
        [
            ffmpeg.rawValue, "-hide_banner", "-nostdin", "-re", "-f", "lavfi", "-i",
            "testsrc2=size=640x360:rate=25:duration=8", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-b:v",
            "1500k",
            "-muxrate", "2000000", "-f", "rtp_mpegts", "-fec", "prompeg=l=5:d=5",
            "rtp://\(address)?ttl=4&pkt_size=1328",
        ]
    }
}
