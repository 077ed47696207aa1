import Clockwork
import Foundation

/// What a whole proxy's worth of renditions costs: 40 of 5 Mbit/s, from whole segments to one port of the forwarding
/// cache.
enum ProxyRenditionsBench: Bench {
    static let name = "proxy-renditions"
    static let summary = "40 renditions of 5 Mbit/s sent to one port"

    private static let rounds = 3
    private static let stretch = Duration.seconds(4)

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        let meter = try ProcessorMeter()
        let testbed = try ProxyTestbed(ports: 1, renditions: 40)
        defer { testbed.close() }
        let media = PacedRenditions(count: 40, bitsPerSecond: 5_000_000)
        var (process, busy): ([Double], [Double]) = ([], [])
        for _ in 0..<rounds {
            let idle = try QuietMoment.measure(meter)
            let before = try testbed.forwardedBytes()
            let outcome = try media.run(in: testbed, for: stretch, meter: meter)
            let sent = outcome.gigabits * 1e9 / 8
            let copied = Double(try testbed.forwardedBytes() - before)
            guard copied >= sent else { throw BenchFailure("only \(copied) of \(sent) bytes were forwarded") }
            guard outcome.gigabits > 0.19 * Double(stretch.milliseconds) / 1000 else {
                throw BenchFailure("only \(outcome.gigabits) Gbit were sent")
            }
            process.append(outcome.process)
            if let idle { busy.append(max(outcome.process, outcome.busy - idle)) }
            let late = "\(outcome.lateTrains) of \(outcome.trains) trains over a millisecond late"
            FileHandle.standardError.write(Data("  \(late)\n".utf8))
        }
        let lines = [("process", process), ("whole CPU", busy)]
        return lines.filter { !$0.1.isEmpty }.map { what, cores in
            BenchLine(name: "\(name) \(what)", unit: "cores", ours: cores.median, bar: .atMost(0.5))
        }
    }
}
