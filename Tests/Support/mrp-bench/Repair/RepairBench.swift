import ControlProtocol
import Foundation

/// How much loss forward error correction leaves, and what it costs the proxy and a client.
enum RepairBench: Bench {
    static let name = "repair"
    static let summary = "loss that parity leaves, and what parity costs"

    private static let packets = 10_000_000

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        let matrix = try FECMatrix(columns: 10, rows: 10, isTwoDimensional: true)
        return [
            try residual(matrix, .random(0.01), "1 % random loss", bar: 5e-6),
            // No bar of FEC alone: what it should leave to retransmission, as others' simulations have it.
            try residual(matrix, .random(0.05), "5 % random loss", bar: 1.2e-3),
            try residual(matrix, .bursts(rate: 0.01, length: 15), "1 % in bursts of 15", bar: 1e-2),
            try kernel(environment), try encoding(matrix),
            BenchLine(
                name: "\(name) client core, 20 Mbit/s, 5 % loss", unit: "cores",
                ours: try ClientLoad.cores(matrix, bitRate: 20_000_000, loss: 0.05), bar: .atMost(0.05)),
        ]
    }

    private static func residual(
        _ matrix: FECMatrix, _ line: LossSimulation.Line, _ what: String, bar: Double
    ) throws -> BenchLine {
        var simulation = LossSimulation(matrix, over: line, seed: 1)
        let outcome = simulation.run(packets: packets)
        guard outcome.wrong == 0, outcome.lost > packets / 200 else {
            throw BenchFailure("\(outcome.wrong) of \(outcome.lost) lost packets were mended wrongly")
        }
        return BenchLine(
            name: "\(name) 10x10, \(what), \(packets) packets", unit: "of all stay lost", ours: outcome.residual,
            bar: .atMost(bar))
    }

    private static func kernel(_ environment: BenchEnvironment) throws -> BenchLine {
        var (ours, other): ([Double], [Double]) = ([], [])
        for _ in 0..<3 {
            ours.append(1e9 / EncodingLoad.bytesCombinedPerSecond())
            let output = try ProxyTestbed.output(of: environment.baselines + "/xor_loop", ["1"])
            guard output.status == 0, let word = output.text.split(separator: " ").first, let rate = Double(word) else {
                throw BenchFailure("xor_loop: \(output.text)")
            }
            other.append(1e9 / rate)
        }
        return BenchLine(
            name: "\(name) exclusive or", unit: "s/GB", ours: ours.median, otherName: "C loop", other: other.median,
            bar: .ratioAtMost(1.5))
    }

    /// Beside what the proxy takes without repair to send the same media to one port of the forwarding cache.
    private static func encoding(_ matrix: FECMatrix) throws -> BenchLine {
        let meter = try ProcessorMeter()
        let testbed = try ProxyTestbed(ports: 1, renditions: 40)
        defer { testbed.close() }
        let media = PacedRenditions(count: 40, bitsPerSecond: 5_000_000)
        var (ours, other): ([Double], [Double]) = ([], [])
        let stretch = Duration.seconds(3)
        for _ in 0..<3 {
            let outcome = try media.run(in: testbed, for: stretch, meter: meter)
            other.append(outcome.process * Double(stretch.components.seconds) / outcome.gigabits)
            ours.append(EncodingLoad.secondsPerGigabit(matrix))
        }
        return BenchLine(
            name: "\(name) encoding 10x10", unit: "s/Gbit", ours: ours.median, otherName: "sending without repair",
            other: other.median, bar: .ratioAtMost(0.3))
    }
}
