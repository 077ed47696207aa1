import Foundation
import Lab

/// The main job on real input: a live ladder, three authorized viewers on two replication points, one who is not.
final class MulticastDemo {
    static let rendition = "360p"
    private static let watchSeconds = 20

    private let deployment: MetroDeployment
    private let metro: MetroTopology
    private var verdict = Verdict()
    private var counters: [(name: String, counter: PacketCounter)] = []

    init(deployment: MetroDeployment) {
        self.deployment = deployment
        metro = deployment.metro
    }

    func run() throws -> Verdict {
        step("a live packager makes three renditions at the OTT server")
        _ = try LiveLadder.start(in: metro.ott, folder: deployment.channelFolder, seconds: 300)
        step("every node starts its programs")
        try deployment.start()
        guard
            eventually(
                within: .seconds(30), { LiveLadder.isReady(folder: self.deployment.channelFolder, segments: 3) })
        else { throw LabError("the packager wrote no playlist:\n\(metro.ott.path("packager.log"))") }
        try startCounting()
        try expectNothing("before the first viewer", "no kernel holds a forwarding entry")

        step("alice and bob (rp1) and carol (rp2) watch \(Self.rendition); mallory has no entitlement")
        let viewers = try ["alice", "bob", "carol"].map { name in
            let child = try deployment.play(name, rendition: Self.rendition, seconds: Self.watchSeconds)
            return (name: name, child: child)
        }
        let mallory = try deployment.play("mallory", rendition: Self.rendition, seconds: 5)
        try watch(until: viewers.map(\.child))
        try judgeViewers(viewers)
        try judgeMallory(mallory)
        try judgeBackbone()
        step("everybody left")
        try judgeEmptiness()
        return verdict
    }

    private func step(_ text: String) {
        Terminal.line(Terminal.bold("» \(text)"))
    }

    // MARK: - What flows where

    private func startCounting() throws {
        counters = [
            ("backbone", try PacketCounter("backbone", in: metro.core2, on: "proxy", direction: .ingress)),
            ("to rp1", try PacketCounter("torp1", in: metro.rp1, on: "uplink", direction: .ingress)),
            ("to rp2", try PacketCounter("torp2", in: metro.rp2, on: "uplink", direction: .ingress)),
        ]
        for viewer in MetroTopology.viewers {
            let node = try metro.viewer(viewer.name)
            counters.append(
                (viewer.name, try PacketCounter("seen", in: node, on: "eth0", direction: .ingress)))
        }
    }

    private func packets(_ name: String) throws -> UInt64 {
        guard let entry = counters.first(where: { $0.name == name }) else { return 0 }
        return try entry.counter.read().packets
    }

    private var malloryIsShown = false

    private func isShownAsRefused(_ host: String) throws -> Bool {
        try deployment.mrpctl("show", "groups", "--json").output.contains(host)
    }

    private var window: [String: (from: UInt64, to: UInt64)] = [:]

    /// Shows the wires once a second until every viewer ended; measures the seconds in which all of them watched.
    private func watch(until children: [ChildProcess]) throws {
        let names = counters.map(\.name)
        Terminal.line(
            "packets/s  " + names.map { Terminal.right($0, 9) }.joined() + "   MFC entries proxy/core2/rp1/rp2")
        var last = try names.map { try packets($0) }
        var malloryJoined: ChildProcess?
        for second in 1...(Self.watchSeconds + 20) {
            Thread.sleep(forTimeInterval: 1)
            let now = try names.map { try packets($0) }
            let entries = try deployment.forwarders.map { "\(try deployment.forwardingEntries($0).count)" }
            let rates = zip(now, last).map { Terminal.right("\($0 - $1)", 9) }.joined()
            Terminal.line("\(Terminal.right("\(second) s", 9))  \(rates)   \(entries.joined(separator: "/"))")
            last = now
            if second == 3 { malloryJoined = try joinWithoutAsking() }
            if second == 4 { for (name, value) in zip(names, now) { window[name] = (value, value) } }
            if second == 6 { malloryIsShown = try isShownAsRefused("10.2.2.2") }
            if second == 9 { for (name, value) in zip(names, now) { window[name]?.to = value } }
            if children.allSatisfy({ !$0.isRunning }) { break }
        }
        malloryJoined?.stop()
    }

    /// Mallory sends her report all the same: (S,G) as the forwarding table of rp1 shows it.
    private func joinWithoutAsking() throws -> ChildProcess? {
        let tree = try deployment.forwardingEntries(metro.rp1).compactMap(Tree.init(line:)).first
        guard let tree else { return nil }
        return try metro.viewer("mallory").start(
            "bare-host",
            [
                deployment.program("mrp-lab"), "receive", "--group", tree.group, "--source", tree.source,
                "--interface", "eth0", "--seconds", "8",
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

    private func judgeMallory(_ client: ChildProcess) throws {
        client.waitForExit(within: .seconds(10))
        let refused = !client.isRunning && client.status != 0
        verdict.expect(
            "mallory's request is refused", refused,
            client.log.split(separator: "\n").last.map(String.init) ?? "exit \(client.status)")
        let arrived = try packets("mallory")
        verdict.expect(
            "mallory's own report opened nothing", arrived == 0 && malloryIsShown,
            "\(arrived) multicast packets arrived; her report \(malloryIsShown ? "is shown" : "was never seen")")
    }

    private func judgeBackbone() throws {
        func rate(_ name: String) -> Double {
            guard let span = window[name] else { return 0 }
            return Double(span.to - span.from)
        }
        let viewers = ["alice", "bob", "carol"].map(rate)
        let copies = rate("backbone") / max(1, viewers.max() ?? 1)
        verdict.expect(
            "the backbone carries one copy", copies > 0.95 && copies < 1.05,
            String(
                format: "%.0f packets on the backbone for %.0f + %.0f + %.0f at the viewers in 5 s: %.2f copies",
                rate("backbone"), viewers[0], viewers[1], viewers[2], copies))
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
