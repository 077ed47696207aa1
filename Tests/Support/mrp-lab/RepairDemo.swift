import Foundation
import Lab

/// What repair is worth: one channel, three viewers whose lines lose nothing, one and five packets of a hundred, and at
/// each of them a receiver with repair beside one without.
final class RepairDemo {
    static let rendition = "720p"
    /// A matrix of it fits the demo's bit rate: 8 by 8 at 150 packets a second.
    static let repair = "{ fec: { latency: 1s } }"
    private static let seed: UInt32 = 7
    private static let settling = Duration.seconds(3)
    private static let lossy = Duration.seconds(20)
    /// Longer than the repair packets of the last lost one take.
    private static let quiet = Duration.seconds(3)
    private static let watchSeconds = 28

    private let stage: DemoStage
    private var viewers: [LossyViewer] = []

    private var deployment: MetroDeployment { stage.deployment }

    init(_ stage: DemoStage) {
        self.stage = stage
    }

    func run() throws {
        try stage.start()
        viewers = try [("alice", 0), ("bob", 10), ("carol", 50)].map { name, perMille in
            try LossyViewer(name, perMille: perMille, in: deployment)
        }
        try startReceivers()
        let table = ContinuityTable(viewers)
        table.printHeader()
        try table.follow(for: Self.settling)
        try loseOn()
        try table.follow(for: Self.lossy)
        for viewer in viewers { try viewer.stopLosing() }
        try table.follow(for: Self.quiet)
        try table.follow(for: .seconds(20)) { !self.viewers.contains(where: \.isRunning) }
        for viewer in viewers { try judge(viewer) }
        try stage.judgeEmptiness(within: .seconds(15))
    }

    /// Lets the lines lose from now on.
    func loseOn() throws {
        for viewer in viewers { try viewer.beginLosing(seed: Self.seed) }
    }

    private func startReceivers() throws {
        stage.step("alice (no loss), bob (1 %) and carol (5 %) watch \(Self.rendition), each with and without repair")
        for viewer in viewers { try viewer.startClient(rendition: Self.rendition, seconds: Self.watchSeconds) }
        var tree: Tree?
        try eventually(within: .seconds(20)) {
            tree = try deployment.forwardingEntries(deployment.metro.rp1).compactMap(Tree.init(line:)).first
            return tree != nil
        }
        guard let tree else { throw LabError("no forwarding entry appeared at the first replication point") }
        for viewer in viewers { try viewer.startBareHost(tree, seconds: Self.watchSeconds) }
        let flows = try eventually(within: .seconds(20)) {
            for viewer in viewers { try viewer.advance() }
            return viewers.allSatisfy(\.isReceiving)
        }
        guard flows else {
            let complaints = viewers.flatMap { viewer in RepairMethod.allCases.map { viewer.complaint($0) } }
            throw LabError("not every receiver receives: \(complaints.filter { !$0.isEmpty }.joined(separator: "; "))")
        }
    }

    // MARK: - Verdict

    private func judge(_ viewer: LossyViewer) throws {
        let errors = try Dictionary(
            uniqueKeysWithValues: RepairMethod.allCases.map { method in
                // Whichever of two independent readers finds more.
                let probe = try StreamJudge(file: viewer.file(method)).continuityErrors
                return (method, max(probe, viewer.errors(method)))
            })
        let (bare, repaired) = (errors[RepairMethod.none] ?? 0, errors[.fec] ?? 0)
        let complaints = RepairMethod.allCases.map { viewer.complaint($0) }.joined()
        let detail =
            "\(viewer.lost) packets lost on the line; continuity errors: \(bare) without repair, \(repaired) with FEC"
            + complaints
        let isWatched = complaints.isEmpty && RepairMethod.allCases.allSatisfy { viewer.packets($0) > 10_000 }
        switch viewer.perMille {
        case 0:
            stage.expect(
                "\(viewer.name) loses nothing", isWatched && viewer.lost == 0 && bare + repaired == 0, detail)
        case ...10:
            stage.expect(
                "\(viewer.name) sees nothing of 1 % loss", isWatched && bare > 10 && repaired == 0, detail)
        default:
            // What FEC alone cannot mend at such a loss is for retransmission.
            stage.expect(
                "of 5 % loss \(viewer.name) sees a twentieth at most", isWatched && bare > 50 && repaired * 20 <= bare,
                detail)
        }
    }
}

/// One line a second: what each line lost, and what each receiver passed on broken.
struct ContinuityTable {
    private static let timeWidth = 5
    private static let columnWidth = 7

    private let viewers: [LossyViewer]
    private let start = ContinuousClock.now

    init(_ viewers: [LossyViewer]) {
        self.viewers = viewers
    }

    func printHeader() {
        Terminal.line("packets lost on each line, and continuity errors behind it by how they are repaired, so far:")
        let width = Self.columnWidth * (1 + RepairMethod.allCases.count)
        Terminal.line(
            Terminal.right("", Self.timeWidth) + viewers.map { Terminal.right($0.title, width) }.joined())
        let columns = (["lost"] + RepairMethod.allCases.map(\.rawValue)).map { Terminal.right($0, Self.columnWidth) }
        Terminal.line(Terminal.right("s", Self.timeWidth) + viewers.map { _ in columns.joined() }.joined())
    }

    /// Prints on until the time is over or `isOver`.
    func follow(for time: Duration, until isOver: () -> Bool = { false }) throws {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end, !isOver() {
            Thread.sleep(forTimeInterval: min(1, max(0.01, (end - ContinuousClock.now) / .seconds(1))))
            for viewer in viewers { try viewer.advance() }
            let cells = viewers.map { viewer in
                ([viewer.lost] + RepairMethod.allCases.map { viewer.errors($0) })
                    .map { Terminal.right("\($0)", Self.columnWidth) }.joined()
            }
            let seconds = String(format: "%.0f", (ContinuousClock.now - start) / .seconds(1))
            Terminal.line(Terminal.right(seconds, Self.timeWidth) + cells.joined())
        }
    }
}
