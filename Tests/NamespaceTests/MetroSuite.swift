import Foundation
import Lab
import Testing

/// Every test makes the metro network anew with real programs, one test at a time.
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct MetroSuite {
    /// Makes the network, starts the packager and every program, and takes all of it down after `body`.
    static func withDeployment(
        _ name: String, plan: DeploymentPlan = DeploymentPlan(),
        beforeStart: (MetroTopology) throws -> Void = { _ in },
        _ body: (MetroDeployment) throws -> Void
    ) throws {
        let lab = try Lab(name)
        defer { lab.tearDown() }
        let metro = try MetroTopology(lab, impairments: plan.impairments)
        try beforeStart(metro)
        let deployment = try MetroDeployment(metro: metro, programs: Programs.folder, plan: plan)
        _ = try LiveLadder.start(in: metro.ott, folder: deployment.channelFolder, seconds: 180)
        do {
            try deployment.start()
            try #require(
                eventually(within: .seconds(40)) {
                    LiveLadder.isReady(folder: deployment.channelFolder, segments: 3)
                }, "the packager wrote no playlists")
            try body(deployment)
        } catch {
            for child in deployment.running.values.sorted(by: { $0.name < $1.name }) {
                print("--- \(child.name)\n\(child.log.split(separator: "\n").suffix(12).joined(separator: "\n"))")
            }
            throw error
        }
    }

    static func report(_ deployment: MetroDeployment, of viewer: String) throws -> [String: Any] {
        let file = try deployment.metro.viewer(viewer).path("\(viewer).json")
        let data = try Data(contentsOf: URL(fileURLWithPath: file))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// Starts a viewer and waits until media reaches it.
    static func watch(_ viewer: String, in deployment: MetroDeployment, seconds: Int) throws -> (
        child: ChildProcess, counter: PacketCounter
    ) {
        let node = try deployment.metro.viewer(viewer)
        let counter = try PacketCounter("media", in: node, on: "eth0", direction: .ingress)
        let child = try deployment.play(viewer, rendition: "180p", seconds: seconds)
        let flows = try eventually(within: .seconds(15)) { try counter.read().packets > 20 }
        try #require(flows, "no media reached \(viewer): \(child.log)")
        return (child, counter)
    }

    /// (S,G) of a node's only forwarding entry.
    static func tree(in node: Node, of deployment: MetroDeployment) throws -> (source: String, group: String) {
        let entries = try deployment.forwardingEntries(node)
        try #require(entries.count == 1, "\(node.name) holds \(entries)")
        let inside = entries[0].drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }
        let parts = inside.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        try #require(parts.count == 2, "\(entries[0])")
        return (parts[0], parts[1])
    }

    /// A host's socket on port 5000 that joins without asking anybody; it prints how many packets came.
    static func bareHost(
        _ node: Node, group: String, source: String?, seconds: Int
    ) throws -> (child: ChildProcess, counter: PacketCounter) {
        let counter = try PacketCounter("bare", in: node, on: "eth0", direction: .ingress)
        let child = try node.start(
            "bare-host",
            [Programs.path("mrp-lab"), "receive", "--group", group, "--interface", "eth0", "--seconds", "\(seconds)"]
                + (source.map { ["--source", $0] } ?? []))
        return (child, counter)
    }

    static func empties(_ nodes: [Node], of deployment: MetroDeployment) throws -> Bool {
        try eventually(within: .seconds(20)) {
            try nodes.allSatisfy { try deployment.forwardingEntries($0).isEmpty }
        }
    }

    static func stops(_ counter: PacketCounter, within limit: Duration) throws -> Bool {
        let end = ContinuousClock.now + limit
        var last = try counter.read().packets
        while true {
            usleep(200_000)
            let now = try counter.read().packets
            if now == last { return true }
            if ContinuousClock.now > end { return false }
            last = now
        }
    }
}
