import Foundation
import Lab

/// How a receiver makes good what its line loses; each is a column of the demo. Retransmission has its column here once
/// there is a receiver for it.
enum RepairMethod: String, CaseIterable {
    /// A bare host that passes on what arrives.
    case none
    /// `mrp-client`, as the channel's resource tells it.
    case fec = "FEC"
}

/// A viewer whose line loses packets, and one receiver for each method: all of them miss the same packets.
final class LossyViewer {
    let name: String
    /// Of a thousand packets, media and repair packets alike.
    let perMille: Int
    private let node: Node
    private let deployment: MetroDeployment
    private var loss: SeededLoss?
    private var watches: [RepairMethod: ContinuityWatch] = [:]
    private var receivers: [RepairMethod: ChildProcess] = [:]
    private(set) var lost = 0

    init(_ name: String, perMille: Int, in deployment: MetroDeployment) throws {
        self.name = name
        self.perMille = perMille
        self.deployment = deployment
        node = try deployment.metro.viewer(name)
        for method in RepairMethod.allCases { watches[method] = ContinuityWatch(file: file(method)) }
    }

    var title: String { "\(name) \(perMille / 10) %" }

    var isReceiving: Bool { RepairMethod.allCases.allSatisfy { watches[$0]?.packets ?? 0 > 0 } }

    var isRunning: Bool { receivers.values.contains(where: \.isRunning) }

    func file(_ method: RepairMethod) -> String {
        // `mrp-client` of a deployment names its files after the viewer.
        node.path(method == .fec ? "\(name).ts" : "\(name)-\(method.rawValue).ts")
    }

    func startClient(rendition: String, seconds: Int) throws {
        receivers[.fec] = try deployment.play(name, rendition: rendition, seconds: seconds)
    }

    /// The bare host asks nobody: it joins what the client beside it was let into.
    func startBareHost(_ tree: Tree, seconds: Int) throws {
        receivers[RepairMethod.none] = try node.start(
            "bare-host",
            [
                deployment.program("mrp-lab"), "receive", "--group", tree.group, "--source", tree.source,
                "--interface", "eth0", "--seconds", "\(seconds)", "--output", file(.none),
            ])
    }

    func beginLosing(seed: UInt32) throws {
        loss = try SeededLoss("line", in: node, on: "eth0", perMille: perMille, seed: seed)
    }

    func stopLosing() throws {
        if let loss { lost = try loss.stop() }
        loss = nil
    }

    /// Reads on in every receiver's file and the line's counter.
    func advance() throws {
        for method in RepairMethod.allCases { watches[method]?.advance() }
        if let loss { lost = try loss.lost() }
    }

    /// Continuity errors that a receiver passed on so far.
    func errors(_ method: RepairMethod) -> Int { watches[method]?.errors ?? 0 }

    func packets(_ method: RepairMethod) -> Int { watches[method]?.packets ?? 0 }

    func complaint(_ method: RepairMethod) -> String {
        guard let receiver = receivers[method] else { return "not started" }
        return receiver.isRunning || receiver.status == 0 ? "" : "exit \(receiver.status): \(receiver.log.suffix(300))"
    }
}
