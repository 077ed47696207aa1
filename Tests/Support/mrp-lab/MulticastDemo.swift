import Foundation
import Lab

/// The main job on real input: a live ladder, three authorized viewers on two replication points, one who is not.
final class MulticastDemo {
    static let rendition = "360p"
    private static let watchSeconds = 20
    private static let malloryJoins = Duration.seconds(4)
    private static let windowEnds = Duration.seconds(14)

    private let stage: DemoStage
    private var malloryIsShown = false
    /// The wires before and after some seconds in which everybody watches.
    private var window: (from: [String: WireTable.Sample], to: [String: WireTable.Sample]) = ([:], [:])

    private var deployment: MetroDeployment { stage.deployment }
    private var metro: MetroTopology { stage.metro }

    init(_ stage: DemoStage) {
        self.stage = stage
    }

    func run() throws {
        try stage.start()
        let wires = try WireTable(
            deployment, WatchedWire.network(metro) + metro.viewers.map { try .multicast(to: $0.name, metro) })

        stage.step("alice and bob (rp1) and carol (rp2) watch \(Self.rendition); mallory has no entitlement")
        let viewers = try ["alice", "bob", "carol"].map { name in
            let child = try deployment.play(name, rendition: Self.rendition, seconds: Self.watchSeconds)
            return (name: name, child: child)
        }
        let mallory = try deployment.play("mallory", rendition: Self.rendition, seconds: 5)
        try watch(wires, until: viewers.map(\.child))
        try judgeViewers(viewers)
        try judgeMallory(mallory, arrived: try wires.sample()["mallory"]?.packets ?? 0)
        try judgeBackbone()
        stage.step("everybody left")
        try stage.judgeEmptiness(within: .seconds(20))
    }

    // MARK: - What flows where

    private func isShownAsRefused(_ host: String) throws -> Bool {
        try deployment.mrpctl("show", "groups", "--json").output.contains(host)
    }

    /// Shows the wires once a second until every viewer ended; meanwhile mallory joins without asking, and the copies
    /// are counted.
    private func watch(_ wires: WireTable, until viewers: [ChildProcess]) throws {
        let clock = ContinuousClock()
        let start = clock.now
        var bareHost: ChildProcess?
        wires.printHeader()
        while viewers.contains(where: \.isRunning), clock.now - start < .seconds(Self.watchSeconds + 20) {
            Thread.sleep(forTimeInterval: 1)
            let now = try wires.printLine()
            switch clock.now - start {
            case ..<Self.malloryJoins: break
            case ..<Self.windowEnds where bareHost == nil:
                bareHost = try joinWithoutAsking()
                window.from = now
            case ..<Self.windowEnds:
                malloryIsShown = try malloryIsShown || isShownAsRefused("10.2.2.2")
            default:
                if window.to.isEmpty { window.to = now }
            }
        }
        bareHost?.stop()
    }

    /// Mallory sends her report all the same: (S,G) as the forwarding table of rp1 shows it.
    private func joinWithoutAsking() throws -> ChildProcess? {
        let tree = try deployment.forwardingEntries(metro.rp1).compactMap(Tree.init(line:)).first
        guard let tree else { return nil }
        return try metro.viewer("mallory").start(
            "bare-host",
            [
                deployment.program("mrp-lab"), "receive", "--group", tree.group, "--source", tree.source,
                "--interface", "eth0", "--seconds", "\(Self.watchSeconds)",
            ])
    }

    // MARK: - Verdict

    private func judgeViewers(_ viewers: [(name: String, child: ChildProcess)]) throws {
        for (name, child) in viewers {
            let file = try metro.viewer(name).path("\(name).ts")
            let report = ViewerReport(file: try metro.viewer(name).path("\(name).json"))
            stage.expect(
                "\(name) received without loss", child.status == 0 && report.packets > 1_000 && report.lost == 0,
                "exit \(child.status), \(report.packets) packets, \(report.lost) lost"
                    + (child.status == 0 ? "" : ": " + String(child.log.suffix(300))))
            let judge = try StreamJudge(file: file)
            stage.expect(
                "\(name)'s stream decodes (ffprobe)", judge.isDecodable, judge.description)
        }
    }

    private func judgeMallory(_ client: ChildProcess, arrived: UInt64) throws {
        client.waitForExit(within: .seconds(10))
        let refused = !client.isRunning && client.status != 0
        stage.expect(
            "mallory's request is refused", refused,
            client.log.split(separator: "\n").first.map(String.init) ?? "exit \(client.status)")
        stage.expect(
            "mallory's own report opened nothing", arrived == 0 && malloryIsShown,
            "\(arrived) multicast packets arrived; her report \(malloryIsShown ? "is shown" : "was never seen")")
    }

    private func judgeBackbone() throws {
        func rate(_ name: String) -> Double { WireTable.rate(name, from: window.from, to: window.to) }
        let viewers = ["alice", "bob", "carol"].map(rate)
        let copies = rate("backbone") / max(1, viewers.max() ?? 1)
        stage.expect(
            "the backbone carries one copy", copies > 0.9 && copies < 1.1,
            String(
                format: "%.0f kbit/s for %.0f + %.0f + %.0f at the viewers: %.2f copies", rate("backbone") / 1000,
                viewers[0] / 1000, viewers[1] / 1000, viewers[2] / 1000, copies))
    }
}

/// The (S,G) of a line that iproute2 prints for a forwarding entry.
struct Tree {
    let source: String
    let group: String

    init?(line: String) {
        guard let open = line.firstIndex(of: "("), let close = line.firstIndex(of: ")") else { return nil }
        let parts = line[line.index(after: open)..<close].split(separator: ",")
        guard parts.count == 2 else { return nil }
        source = parts[0].trimmingCharacters(in: .whitespaces)
        group = parts[1].trimmingCharacters(in: .whitespaces)
    }
}
