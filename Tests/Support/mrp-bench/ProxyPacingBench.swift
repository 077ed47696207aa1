import Clockwork
import Foundation
import LinuxIO
import MediaIO

/// How many trains leave late on a CPU that others keep busy: the sender's real-time thread beside an ordinary one.
enum ProxyPacingBench: Bench {
    static let name = "proxy-pacing"
    static let summary = "trains over a millisecond late on a busy CPU, real-time thread beside an ordinary one"

    private static let rounds = 3
    private static let stretch = Duration.seconds(4)
    /// Programs that never sleep, on the sender's CPU.
    private static let competitors = 2

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        let meter = try ProcessorMeter()
        let testbed = try ProxyTestbed(ports: 1, renditions: 40)
        defer { testbed.close() }
        let media = PacedRenditions(count: 40, bitsPerSecond: 5_000_000)
        let spinning = try (0..<competitors).map { _ in try spin() }
        defer { for process in spinning { end(process) } }
        var (ours, ordinary): ([Double], [Double]) = ([], [])
        for _ in 0..<rounds {
            ordinary.append(perMille(try media.run(in: testbed, for: stretch, meter: meter, isRealTime: false)))
            let outcome = try media.run(in: testbed, for: stretch, meter: meter)
            if case .refused(let error) = outcome.scheduling {
                FileHandle.standardError.write(Data("  not measured: no real-time thread here, \(error)\n".utf8))
                return []
            }
            ours.append(perMille(outcome))
        }
        return [
            BenchLine(
                name: "\(name) late trains", unit: "per mille", ours: ours.median, otherName: "ordinary",
                other: ordinary.median, bar: .ratioAtMost(0.1))
        ]
    }

    private static func perMille(_ outcome: PacedRenditions.Outcome) -> Double {
        Double(outcome.lateTrains) * 1000 / Double(max(outcome.trains, 1))
    }

    private static func spin() throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "while :; do :; done"]
        try process.run()
        return process
    }

    private static func end(_ process: Process) {
        process.terminate()
        process.waitUntilExit()
    }
}
