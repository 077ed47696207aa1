import ArgumentParser
import Foundation

/// A named group of measurements; runs inside a sandbox, bounded in time.
protocol Bench {
    static var name: String { get }
    static var summary: String { get }
    static func run(_ environment: BenchEnvironment) throws -> [BenchLine]
}

/// Where the programs and the C baselines are.
struct BenchEnvironment {
    /// Folder with release builds of the programs.
    var programs: String
    /// Folder with the compiled baselines.
    var baselines: String
    /// Folder with release builds of the programs that need HTTP and TLS.
    var edgePrograms: String
    /// Other projects' programs to compare with, by name.
    var peers: [String: String]
}

/// `NAME=PATH`: another project's program, built by whoever has it.
struct PeerArgument: ExpressibleByArgument {
    static let known = ["msd_lite"]

    var name: String
    var path: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, Self.known.contains(parts[0]) else { return nil }
        (name, path) = (parts[0], parts[1])
    }

    /// What the environment names: `MRP_BENCH_MSD_LITE=PATH`.
    static func named(in environment: [String: String]) -> [String: String] {
        Dictionary(
            known.compactMap { name in
                environment["MRP_BENCH_\(name.uppercased())"].flatMap { $0.isEmpty ? nil : (name, $0) }
            }, uniquingKeysWith: { $1 })
    }
}

/// Measures on release builds; started by `scripts/bench` inside a sandbox.
@main
struct MRPBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-bench", abstract: "Speed as ratios against a C baseline or a peer in the same run.")

    @Argument(help: "Which to run; all without a name.") var names: [String] = []
    @Option(help: "Folder with the programs.") var programs = ""
    @Option(help: "Folder with the C baselines.") var baselines = ""
    @Option(help: "Folder with the programs that need HTTP and TLS.") var edgePrograms = ""
    @Option(help: "A peer's program to compare with, as msd_lite=PATH; may be repeated.") var peer: [PeerArgument] = []
    @Option(help: "Write the lines as JSON to this file.") var json: String?
    @Flag(help: "Only list the names.") var list = false

    func run() throws {
        if list {
            for bench in BenchRegistry.all { print("\(bench.name)  \(bench.summary)") }
            return
        }
        let known = BenchRegistry.all.map { $0.name }
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ValidationError("there is no bench \"\(unknown)\"; there are: \(known.joined(separator: ", "))")
        }
        let peers = PeerArgument.named(in: ProcessInfo.processInfo.environment)
            .merging(peer.map { ($0.name, $0.path) }, uniquingKeysWith: { $1 })
        let environment = BenchEnvironment(
            programs: programs, baselines: baselines, edgePrograms: edgePrograms, peers: peers)
        var lines: [BenchLine] = []
        for bench in BenchRegistry.all where names.isEmpty || names.contains(bench.name) {
            FileHandle.standardError.write(Data("» \(bench.name): \(bench.summary)\n".utf8))
            let measured = try bench.run(environment)
            for line in measured { print(Self.text(line)) }
            lines += measured
        }
        if let json { try write(lines, to: json) }
        if !lines.allSatisfy(\.holds) { throw ExitCode(1) }
    }

    private static func text(_ line: BenchLine) -> String {
        func number(_ value: Double) -> String {
            value >= 1_000 ? String(format: "%.0f", value) : String(format: "%.3g", value)
        }
        let other = line.other.map { "  \(line.otherName ?? "other") \(number($0)) \(line.unit)" } ?? ""
        let ratio = line.ratio.map { String(format: "  ratio %.2f", $0) } ?? ""
        return
            "\(line.holds ? "holds" : "FAILS")  \(line.name): ours \(number(line.ours)) \(line.unit)\(other)\(ratio)"
            + "  bar: \(line.barText)"
    }

    private func write(_ lines: [BenchLine], to file: String) throws {
        struct Row: Encodable {
            var name, unit: String
            var ours: Double
            var otherName: String?
            var other, ratio: Double?
            var bar: String
            var holds: Bool
        }
        struct Document: Encodable {
            var schema = "mrp.bench/1"
            var lines: [Row]
        }
        let rows = lines.map {
            Row(
                name: $0.name, unit: $0.unit, ours: $0.ours, otherName: $0.otherName, other: $0.other,
                ratio: $0.ratio, bar: $0.barText, holds: $0.holds)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(Document(lines: rows)).write(to: URL(fileURLWithPath: file))
    }
}
