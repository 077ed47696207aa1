import Foundation
import Lab

/// One channel to every kind of viewer at once: multicast, HLS, one continuous stream, and a browser, out of one copy.
final class UnicastDemo {
    private static let rendition = "360p"
    private static let watchSeconds = 20
    private static let aliceSeconds = 30
    private static let windowBegins = Duration.seconds(7)
    private static let windowEnds = Duration.seconds(17)

    /// Everything that is counted, at one moment.
    private struct Moment {
        var wires: [String: WireTable.Sample] = [:]
        /// Bytes by group, on the backbone and at alice.
        var backbone: [String: UInt64] = [:]
        var alice: [String: UInt64] = [:]
        var picture: WatchingPage.Picture?
    }

    private let stage: DemoStage
    private var members = ""
    private var window = (from: Moment(), to: Moment())

    private var deployment: MetroDeployment { stage.deployment }
    private var metro: MetroTopology { stage.metro }

    init(_ stage: DemoStage) {
        self.stage = stage
    }

    func run() throws {
        try stage.start()
        let meter = try Meter(deployment)
        stage.step(
            "alice takes multicast; bob plays HLS (ffmpeg), carol one continuous stream (ffmpeg), dave a page (Chromium)"
        )
        let alice = try deployment.play("alice", rendition: Self.rendition, seconds: Self.aliceSeconds)
        let bob = try StockPlayer.ffmpeg.play(
            deployment.playerURL(of: "bob"), in: metro.viewer("bob"), seconds: Self.watchSeconds, as: "hls")
        let stream = try deployment.streamURL(Self.rendition, of: "carol")
        let carol = try StockPlayer.ffmpeg.play(
            stream, in: metro.viewer("carol"), seconds: Self.watchSeconds, as: "continuous")
        let page = WatchingPage(try Browser(in: metro.viewer("dave")))
        try page.watch(at: MetroDeployment.serverBase, token: deployment.token(of: "dave"))
        try watch(meter, page)

        judge("bob, by HLS", bob.report(within: .seconds(20)))
        judge("carol, by one continuous stream", carol.report(within: .seconds(20)))
        try judgePicture()
        judgeBackbone()
        try judgeGrant(stream)
        try judgeRevocation(stream)
        try judgeAlice(alice)
        page.browser.close()
        stage.step("everybody left; a player of HLS does not say so, and is waited for 20 seconds")
        try stage.judgeEmptiness(within: .seconds(45))
    }

    // MARK: - What flows where

    private func watch(_ meter: Meter, _ page: WatchingPage) throws {
        let clock = ContinuousClock()
        let start = clock.now
        meter.wires.printHeader()
        while clock.now - start < .seconds(Self.watchSeconds) {
            Thread.sleep(forTimeInterval: 1)
            let wires = try meter.wires.printLine()
            let passed = clock.now - start
            if window.from.wires.isEmpty, passed >= Self.windowBegins { window.from = try moment(wires, meter, page) }
            if window.to.wires.isEmpty, passed >= Self.windowEnds {
                window.to = try moment(wires, meter, page)
                members = try deployment.mrpctl("show", "groups", "--json").output
            }
        }
    }

    private func moment(
        _ wires: [String: WireTable.Sample], _ meter: Meter, _ page: WatchingPage
    ) throws -> Moment {
        // One after the other at once: what passes between the two readings counts as a part of a copy.
        let (backbone, alice) = (try meter.backbone.read(), try meter.alice.read())
        return Moment(wires: wires, backbone: backbone, alice: alice, picture: try page.picture())
    }

    /// The counters on the wires.
    private struct Meter {
        let wires: WireTable
        let backbone, alice: GroupCounters

        init(_ deployment: MetroDeployment) throws {
            let metro = deployment.metro
            let network = WatchedWire.network(metro)
            let viewers =
                try [WatchedWire.multicast(to: "alice", metro)]
                + ["bob", "carol", "dave"].map { try WatchedWire.unicast(to: $0, metro) }
            let crossing = WatchedWire(
                name: "backbone*", node: metro.core2, interface: "proxy", traffic: .connections)
            wires = try WireTable(deployment, network + [crossing] + viewers)
            backbone = try GroupCounters("copies", in: metro.core2, on: "proxy")
            alice = try GroupCounters("copies", in: metro.viewer("alice"), on: "eth0")
        }
    }

    // MARK: - Verdict

    private func judge(_ viewer: String, _ report: PlaybackReport) {
        stage.expect(
            "\(viewer): decoded without an error", report.isFaultless(pictures: 20 * Self.watchSeconds),
            "\(report.description) (ffmpeg)")
    }

    private func judgePicture() throws {
        guard let first = window.from.picture, let last = window.to.picture else { throw LabError("no window") }
        let advance = last.time - first.time
        stage.expect(
            "dave, on the server's page: a picture plays in Chromium",
            advance > 8 && last.width > 0 && last.shown - first.shown > 150 && last.error.isEmpty,
            String(format: "%.1f s played in 10, ", advance) + "\(last.shown - first.shown) pictures; now \(last)")
    }

    private func judgeBackbone() {
        func sent(_ group: String) -> Double {
            Double(window.to.backbone[group, default: 0] - window.from.backbone[group, default: 0])
        }
        let groups = window.to.alice.keys.sorted()
        let received = groups.map { window.to.alice[$0, default: 0] - window.from.alice[$0, default: 0] }.reduce(0, +)
        let copies = groups.map(sent).reduce(0, +) / max(1, Double(received))
        stage.expect(
            "the backbone carries one copy", copies > 0.95 && copies < 1.05 && groups.count == 1,
            String(format: "%.2f copies of \(Self.rendition) for four viewers, one of them by multicast; ", copies)
                + "\(window.to.backbone.count) renditions cross, since a player by HLS may change to any")
        func rate(_ name: String) -> Double {
            WireTable.rate(name, from: window.from.wires, to: window.to.wires) / 1000
        }
        let delivered = ["bob*", "carol*", "dave*"].map(rate).reduce(0, +)
        stage.expect(
            "no media crosses the backbone by unicast", delivered > 0 && rate("backbone*") < 0.02 * delivered,
            String(format: "%.0f kbit/s for %.0f at the viewers by HTTP", rate("backbone*"), delivered))
        stage.expect(
            "viewers by HTTP are members of the groups", members.contains("\"http\""),
            "as `mrpctl show groups` lists them")
    }

    private func judgeGrant(_ stream: String) throws {
        let stolen = try WebAnswer(stream, in: metro.viewer("mallory"))
        let reason = stolen.text.contains("\"wrong-address\"") ? "wrong-address" : stolen.text
        stage.expect(
            "carol's grant opens nothing at another address", stolen.status == 403 && reason == "wrong-address",
            "mallory gets \(stolen.status), \(reason)")
    }

    private func judgeRevocation(_ stream: String) throws {
        stage.step("carol is revoked while her stream runs")
        let node = try metro.viewer("carol")
        let reader = try node.start(
            "reader", ["ffmpeg", "-nostdin", "-v", "error", "-i", stream, "-c", "copy", "-f", "null", "-"])
        Thread.sleep(forTimeInterval: 2)
        guard reader.isRunning else { throw LabError("carol's second stream did not start: \(reader.log)") }
        let clock = ContinuousClock()
        let start = clock.now
        try check(
            [deployment.program("mrpctl"), "revoke", "carol", MetroDeployment.channel]
                + deployment.sockets.flatMap { ["--socket", $0] })
        let ended = reader.waitForExit(within: .seconds(5))
        let milliseconds = (clock.now - start) / .milliseconds(1)
        let after = try WebAnswer(stream, in: node)
        stage.expect(
            "a revocation ends the stream within a second", ended && milliseconds < 1_000 && after.status == 403,
            String(format: "%.0f ms from the command to the player's end; then ", milliseconds) + "\(after.status)")
    }

    private func judgeAlice(_ client: ChildProcess) throws {
        client.waitForExit(within: .seconds(30))
        let node = try metro.viewer("alice")
        let report = ViewerReport(file: node.path("alice.json"))
        stage.expect(
            "alice, by multicast, lost nothing all the while",
            client.status == 0 && report.packets > 1_000 && report.lost == 0,
            "exit \(client.status), \(report.packets) packets, \(report.lost) lost")
        let judge = try StreamJudge(file: node.path("alice.ts"))
        stage.expect("alice's stream decodes (ffprobe)", judge.isDecodable, judge.description)
    }
}
