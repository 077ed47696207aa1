import Clockwork
import Foundation
import LinuxIO

/// What a Gbit/s costs that the proxy sends through the kernel's forwarding to eight ports, beside one sendto a packet.
///
/// A train holds 5 ms of a rendition: nine packets at 20 Mbit/s, and at 5 Mbit/s less than three, so that there even a
/// train that cost no more than a packet would not be three times cheaper.
enum ProxyForwardingBench: Bench {
    static let name = "proxy-forwarding"
    static let summary = "CPU per Gbit/s sent through the forwarding cache to 8 ports"

    private static let portCount = 8
    private static let rounds = 3
    private static let stretch = Duration.seconds(3)

    private struct Setting {
        var label: String
        var renditions: Int
        var bitsPerSecond: Int
        var carriesTrains: Bool
        var bar: BenchLine.Bar
    }

    private static let settings = [
        Setting(
            label: "20 Mbit/s renditions", renditions: 10, bitsPerSecond: 20_000_000, carriesTrains: true,
            bar: .timesCheaper(3)),
        Setting(
            label: "5 Mbit/s renditions", renditions: 40, bitsPerSecond: 5_000_000, carriesTrains: true,
            bar: .timesCheaper(1.5)),
        Setting(
            label: "20 Mbit/s renditions, ports that take no trains", renditions: 10, bitsPerSecond: 20_000_000,
            carriesTrains: false, bar: .ratioAtMost(1)),
    ]

    /// Processor seconds a Gbit.
    private struct Cost {
        var process: Double
        /// Nil where others used too much of the CPU to tell.
        var busy: Double?
    }

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        try settings.flatMap { try measure($0, environment) }
    }

    private static func measure(_ setting: Setting, _ environment: BenchEnvironment) throws -> [BenchLine] {
        let meter = try ProcessorMeter()
        let testbed = try ProxyTestbed(
            ports: portCount, renditions: setting.renditions, carriesTrains: setting.carriesTrains)
        defer { testbed.close() }
        let media = PacedRenditions(count: setting.renditions, bitsPerSecond: setting.bitsPerSecond)
        var (ours, loop): ([Cost], [Cost]) = ([], [])
        var trains: [Double] = []
        for _ in 0..<rounds {
            let idle = try QuietMoment.measure(meter)
            loop.append(try measureLoop(setting, testbed, meter, idle: idle, environment))
            let outcome = try media.run(in: testbed, for: stretch, meter: meter)
            let seconds = Double(stretch.nanoseconds) / 1e9
            ours.append(
                Cost(
                    process: outcome.process * seconds / outcome.gigabits,
                    busy: idle.map { max(outcome.process, outcome.busy - $0) * seconds / outcome.gigabits }))
            trains.append(outcome.packetsPerTrain)
        }
        FileHandle.standardError.write(
            Data("  \(setting.label): \(String(format: "%.1f", trains.median)) packets a train\n".utf8))
        func line(_ what: String, _ part: (Cost) -> Double?) -> BenchLine? {
            let (mine, others) = (ours.compactMap(part), loop.compactMap(part))
            guard !mine.isEmpty else { return nil }
            return BenchLine(
                name: "\(name) \(setting.label), \(what)", unit: "s/Gbit", ours: mine.median, otherName: "sendto",
                other: others.median, bar: setting.bar)
        }
        return [line("process", \.process), line("whole CPU", \.busy)].compactMap(\.self)
    }

    private static func measureLoop(
        _ setting: Setting, _ testbed: ProxyTestbed, _ meter: ProcessorMeter, idle: Double?,
        _ environment: BenchEnvironment
    ) throws -> Cost {
        let seconds = Double(stretch.nanoseconds) / 1e9
        let (before, forwarded) = try (meter.read(), testbed.forwardedBytes())
        let output = try ProxyTestbed.output(
            of: environment.baselines + "/paced_sendto",
            [
                "\(ProxyTestbed.source)", ProxyTestbed.interfaceName, "\(ProxyTestbed.firstGroup)",
                "\(setting.renditions)", "\(ProxyTestbed.port)", "\(setting.bitsPerSecond)", "\(seconds)",
            ])
        let used = try meter.read() - before
        let numbers = output.text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard output.status == 0, numbers.count == 3 else { throw BenchFailure("paced_sendto: \(output.text)") }
        let bytes = numbers[0] * 1328
        let copies = Double(try testbed.forwardedBytes() - forwarded)
        guard copies >= bytes * Double(portCount) else {
            throw BenchFailure("only \(copies) of \(bytes * Double(portCount)) bytes were forwarded")
        }
        let gigabits = bytes * 8 / 1e9
        return Cost(
            process: numbers[1] / gigabits,
            busy: idle.map { max(numbers[1], used.busy - $0 * seconds) / gigabits })
    }
}

/// How busy the CPU is with what is not ours.
enum QuietMoment {
    /// The more of the CPU others use, the less the difference says.
    private static let limit = 0.2
    private static let attempts = 4

    /// Cores; nil, after a while, when no moment was quiet enough.
    static func measure(_ meter: ProcessorMeter) throws -> Double? {
        for _ in 0..<attempts {
            let before = try meter.read()
            usleep(500_000)
            let busy = (try meter.read() - before).busy / 0.5
            if busy <= limit { return busy }
        }
        FileHandle.standardError.write(Data("  others use this CPU: the process alone is measured\n".utf8))
        return nil
    }
}
