import Foundation
import Lab

/// What a viewer by unicast costs a replication point, beside another relay's cost in the same run.
///
/// The other side is msd_lite where it is at hand (`--peer msd_lite=PATH`, or its path in MRP_BENCH_MSD_LITE), else the C
/// relay in `baseline/fanout_relay.c`. Calibrated against each other on two cores, that relay takes 0.55 times msd_lite's
/// processor time for 100 clients of one channel and 0.7 times for 800 and 3,200, and 0.5 to 0.55 times for one client on
/// each of 50 or 60 channels; its first byte leaves at once, msd_lite's with the next block. It does nothing but relay, so a
/// bar that holds against it holds against the peer with room, and one that fails need not.
enum FanoutBench: Bench {
    static let name = "fanout"
    static let summary = "many HTTP viewers of one channel, and one on each of many"

    private static let many = FanoutSetting(clients: 3200, channels: 1)
    private static let few = FanoutSetting(clients: 100, channels: 1)
    private static let spread = FanoutSetting(clients: 60, channels: 60)
    private static let rounds = 3

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        guard sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 else {
            throw BenchFailure("a relay and its clients need a processor each; there is one")
        }
        let load = FanoutLoad(baselines: environment.baselines)
        let other = try otherSide(environment)
        let loop = try PlainRelayStage.mediaLoop(programs: environment.programs)
        let point = try ReplicationPointStage(
            programs: environment.edgePrograms, channels: spread.channels, clients: many.clients)
        return try lines(of: [loop, point], beside: other, load)
    }

    private static func lines(
        of ours: [any FanoutStage], beside other: PlainRelayStage, _ load: FanoutLoad
    ) throws -> [BenchLine] {
        var lines: [BenchLine] = []
        var memory: [String: [Double]] = [:]
        for setting in [few, many, spread] {
            var results: [String: [FanoutMeasurement]] = [:]
            // In turn, so that all meet the same machine.
            for _ in 0..<rounds {
                for stage in ours + [other] {
                    results[stage.name, default: []].append(try measure(setting, stage, load))
                }
            }
            for stage in ours {
                let (mine, others) = (results[stage.name] ?? [], results[other.name] ?? [])
                lines += Self.lines(setting, stage.name, mine, others, other.name)
                if setting.channels == 1 { memory[stage.name, default: []].append(median(mine.map(\.memory))) }
            }
        }
        for stage in ours {
            let growth = (memory[stage.name]?.last ?? .infinity) - (memory[stage.name]?.first ?? 0)
            lines.append(
                BenchLine(
                    name: "\(name) \(stage.name) memory a client beyond its socket's", unit: "bytes",
                    ours: growth / Double(many.clients - few.clients), bar: .atMost(2048)))
        }
        return lines
    }

    private static func otherSide(_ environment: BenchEnvironment) throws -> PlainRelayStage {
        guard let path = environment.peers["msd_lite"] else {
            progress("no msd_lite at hand (--peer msd_lite=PATH); comparing with the C reference relay")
            return try .reference(baselines: environment.baselines)
        }
        guard FileManager.default.isExecutableFile(atPath: path) else { throw BenchFailure("no program at \(path)") }
        progress("comparing with msd_lite at \(path)")
        return try .msdLite(path)
    }

    private static func measure(
        _ setting: FanoutSetting, _ stage: any FanoutStage, _ load: FanoutLoad
    ) throws -> FanoutMeasurement {
        try stage.start()
        defer { stage.stop() }
        let result = try load.measure(setting, at: stage)
        progress(
            "\(setting.text), \(stage.name): load \(String(format: "%.4f", result.load)),"
                + " first byte \(result.firstByte) ms, behind \(result.behind), memory \(Int(result.memory / 1024)) KiB"
        )
        return result
    }

    private static func lines(
        _ setting: FanoutSetting, _ stage: String, _ ours: [FanoutMeasurement], _ other: [FanoutMeasurement],
        _ otherName: String
    ) -> [BenchLine] {
        let behind = ours.map(\.behind).max() ?? 0
        let service = BenchLine(
            name: "\(name) \(stage) clients behind, \(setting.text)", unit: "clients", ours: Double(behind),
            bar: .atMost(0))
        // What it costs not to serve is no figure.
        guard behind == 0 else { return [service] }
        let cost = BenchLine(
            name: "\(name) \(stage) processor, \(setting.text)", unit: "% of a core",
            ours: median(ours.map(\.load)) * 100,
            otherName: otherName, other: median(other.map(\.load)) * 100,
            bar: .ratioAtMost(setting.channels == 1 ? 1.05 : 1))
        // The first client of a channel waits for the group and for a picture to begin with, the others for neither.
        guard setting.channels == 1 else { return [service, cost] }
        let delay = BenchLine(
            name: "\(name) \(stage) first byte, \(setting.text)", unit: "ms", ours: median(ours.map(\.firstByte)),
            otherName: otherName, other: median(other.map(\.firstByte)), bar: .atMost(50))
        return [service, cost, delay]
    }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private static func progress(_ text: String) { FileHandle.standardError.write(Data("  \(text)\n".utf8)) }
}
