import ArgumentParser
import Clockwork

/// A bad line between two tap devices: loss, delay, jitter, duplicates and reordering with a seed. Bridge each tap with
/// the interface on its side.
@main
struct MRPImpair: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-impair", abstract: "Impair the line between two tap devices, repeatably.")

    @Option(help: "Tap device on one side.") var first: String
    @Option(help: "Tap device on the other side.") var second: String
    @Option(help: "Same seed, same faults for the same frames.") var seed: UInt64 = 1
    @Option(help: "Milliseconds that every frame waits.") var delay = 0
    @Option(help: "Milliseconds added at random.") var jitter = 0
    @Option(help: "Percent of frames lost.") var loss = 0.0
    @Option(help: "Frames lost in a row.") var burst = 1
    @Option(help: "Percent of frames sent twice.") var duplicates = 0.0
    @Option(help: "Percent of frames that skip the delay.") var reordering = 0.0
    @Option(help: "Harm only UDP datagrams to this port; the rest is delayed and not counted.") var udpPort: UInt16?
    @Option(help: "In each direction, let so many of the chosen frames pass unharmed first.") var skip = 0
    @Option(help: "In each direction, harm only so many frames after those.") var count: Int?

    func validate() throws {
        for (name, percent) in [("loss", loss), ("duplicates", duplicates), ("reordering", reordering)]
        where !(0...100).contains(percent) {
            throw ValidationError("--\(name) is a percentage from 0 to 100, not \(percent)")
        }
        guard (0...60_000).contains(delay), (0...60_000).contains(jitter) else {
            throw ValidationError("--delay and --jitter are from 0 to 60000 milliseconds")
        }
        guard skip >= 0, count ?? 0 >= 0 else { throw ValidationError("--skip and --count are not negative") }
        guard (1...10_000).contains(burst) else { throw ValidationError("--burst is from 1 to 10000") }
    }

    func run() throws {
        let settings = ImpairmentSettings(
            delay: .milliseconds(delay), jitter: .milliseconds(jitter), loss: loss / 100, burst: burst,
            duplicates: duplicates / 100, reordering: reordering / 100,
            scope: ImpairmentScope(udpPort: udpPort, first: skip, count: count ?? Int.max))
        let relay = try Relay(first: first, second: second, settings: settings, seed: seed)
        print("ready")
        try relay.run()
        print(relay.summary)
    }
}
