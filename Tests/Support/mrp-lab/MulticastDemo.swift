import Foundation
import Lab

/// The main job on real input: a live ladder, three authorized viewers on two replication points, one who is not.
final class MulticastDemo {
    static let rendition = "360p"
    private static let watchSeconds = 20
    private static let malloryJoins = Duration.seconds(4)
    private static let windowEnds = Duration.seconds(14)

    private let deployment: MetroDeployment
    private let metro: MetroTopology
    private(set) var verdict = Verdict()
    private let packagerSeconds: Int
    private var malloryIsShown = false
    /// The wires before and after some seconds in which everybody watches.
    private var window: (from: [String: WireTable.Sample], to: [String: WireTable.Sample]) = ([:], [:])

    init(deployment: MetroDeployment, packagerSeconds: Int) {
        self.deployment = deployment
        self.packagerSeconds = packagerSeconds
        metro = deployment.metro
    }

    /// What kept the demo from its end.
    func fail(_ error: any Error) {
        verdict.expect("the demo comes to its end", false, "\(error)")
    }

    func run() throws {
        step("a live packager makes three renditions at the OTT server")
        let packager = try LiveLadder.start(in: metro.ott, folder: deployment.channelFolder, seconds: packagerSeconds)
        step("every node starts its programs")
        try deployment.start()
        guard
            eventually(
                within: .seconds(60), { LiveLadder.isReady(folder: self.deployment.channelFolder, segments: 3) })
        else { throw LabError("the packager wrote no playlist: \(packager.log.suffix(500))") }
        let wires = try WireTable(deployment)
        try expectNothing("before the first viewer", "no kernel holds a forwarding entry")

        step("alice and bob (rp1) and carol (rp2) watch \(Self.rendition); mallory has no entitlement")
        let viewers = try ["alice", "bob", "carol"].map { name in
            let child = try deployment.play(name, rendition: Self.rendition, seconds: Self.watchSeconds)
            return (name: name, child: child)
        }
        let mallory = try deployment.play("mallory", rendition: Self.rendition, seconds: 5)
        try watch(wires, until: viewers.map(\.child))
        try judgeViewers(viewers)
        try judgeMallory(mallory, arrived: try wires.sample()["mallory"]?.packets ?? 0)
        try judgeBackbone()
        step("everybody left")
        try judgeEmptiness()
    }

    private func step(_ text: String) {
        Terminal.line(Terminal.bold("» \(text)"))
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
            verdict.expect(
                "\(name) received without loss", child.status == 0 && report.packets > 1_000 && report.lost == 0,
                "exit \(child.status), \(report.packets) packets, \(report.lost) lost"
                    + (child.status == 0 ? "" : ": " + String(child.log.suffix(300))))
            let judge = try StreamJudge(file: file)
            verdict.expect(
                "\(name)'s stream decodes (ffprobe)", judge.isDecodable, judge.description)
        }
    }

    private func judgeMallory(_ client: ChildProcess, arrived: UInt64) throws {
        client.waitForExit(within: .seconds(10))
        let refused = !client.isRunning && client.status != 0
        verdict.expect(
            "mallory's request is refused", refused,
            client.log.split(separator: "\n").first.map(String.init) ?? "exit \(client.status)")
        verdict.expect(
            "mallory's own report opened nothing", arrived == 0 && malloryIsShown,
            "\(arrived) multicast packets arrived; her report \(malloryIsShown ? "is shown" : "was never seen")")
    }

    private func judgeBackbone() throws {
        func rate(_ name: String) -> Double { WireTable.rate(name, from: window.from, to: window.to) }
        let viewers = ["alice", "bob", "carol"].map(rate)
        let copies = rate("backbone") / max(1, viewers.max() ?? 1)
        verdict.expect(
            "the backbone carries one copy", copies > 0.9 && copies < 1.1,
            String(
                format: "%.0f kbit/s for %.0f + %.0f + %.0f at the viewers: %.2f copies", rate("backbone") / 1000,
                viewers[0] / 1000, viewers[1] / 1000, viewers[2] / 1000, copies))
    }

    private func judgeEmptiness() throws {
        let empty = try eventually(within: .seconds(20)) {
            try deployment.forwarders.allSatisfy { try deployment.forwardingEntries($0).isEmpty }
        }
        if empty {
            try expectNothing("after the last leave", "nothing is left in any kernel table")
        } else {
            let left = try deployment.forwarders.flatMap { node in
                try deployment.forwardingEntries(node).map { "\(node.name): \($0)" }
            }
            verdict.expect("after the last leave", false, left.joined(separator: "; "))
        }
        let released = try eventually(within: .seconds(15)) {
            try !deployment.mrpctl("show", "channels", "--json").output.contains("232.1.")
        }
        verdict.expect(
            "the channel's groups are released", released,
            released ? "no group is allocated" : "a group is still allocated")
    }

    private func expectNothing(_ when: String, _ detail: String) throws {
        let entries = try deployment.forwarders.flatMap { try deployment.forwardingEntries($0) }
        verdict.expect(when, entries.isEmpty, entries.isEmpty ? detail : entries.joined(separator: "; "))
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
