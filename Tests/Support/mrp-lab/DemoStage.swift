import Foundation
import Lab

/// What every demo does around its own story: starts the network, collects the verdict, and looks for what is left.
final class DemoStage {
    let deployment: MetroDeployment
    private let packagerSeconds: Int
    private(set) var verdict = Verdict()

    var metro: MetroTopology { deployment.metro }

    init(deployment: MetroDeployment, packagerSeconds: Int) {
        self.deployment = deployment
        self.packagerSeconds = packagerSeconds
    }

    func step(_ text: String) {
        Terminal.line(Terminal.bold("» \(text)"))
    }

    func expect(_ name: String, _ holds: Bool, _ detail: String) {
        verdict.expect(name, holds, detail)
    }

    /// The packager and every program; returns once the channel can be played.
    func start() throws {
        step("a live packager makes three renditions at the OTT server")
        let packager = try LiveLadder.start(in: metro.ott, folder: deployment.channelFolder, seconds: packagerSeconds)
        step("every node starts its programs")
        try deployment.start()
        guard
            eventually(
                within: .seconds(60), { LiveLadder.isReady(folder: self.deployment.channelFolder, segments: 3) })
        else { throw LabError("the packager wrote no playlist: \(packager.log.suffix(500))") }
        expectNothing("before the first viewer", "no kernel holds a forwarding entry", try entries())
    }

    /// - Parameter limit: how long what the last viewer left may take to go.
    func judgeEmptiness(within limit: Duration) throws {
        var left = try entries()
        try eventually(within: limit) {
            left = try entries()
            return left.isEmpty
        }
        expectNothing("after the last leave", "nothing is left in any kernel table", left)
        let released = try eventually(within: .seconds(15)) {
            try !deployment.mrpctl("show", "channels", "--json").output.contains("232.1.")
        }
        expect(
            "the channel's groups are released", released,
            released ? "no group is allocated" : "a group is still allocated")
    }

    private func entries() throws -> [String] {
        try deployment.forwarders.flatMap { node in
            try deployment.forwardingEntries(node).map { "\(node.name): \($0)" }
        }
    }

    private func expectNothing(_ when: String, _ detail: String, _ entries: [String]) {
        expect(when, entries.isEmpty, entries.isEmpty ? detail : entries.joined(separator: "; "))
    }
}
