import ArgumentParser
import Simulator

/// Replays one seed of the network simulation.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-simulate",
        abstract: "Plays one run of the simulated network; the same seed gives the same run.")

    @Argument(help: "The seed a failing test printed.")
    var seed: UInt64

    @Option(help: "How many things happen before the network settles.")
    var steps = 60

    @Option(help: "Which cores play: \(Cast.allCases.map(\.rawValue).joined(separator: ", ")).")
    var cast = Cast.routers.rawValue

    @Option(help: "Something broken on purpose: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).")
    var fault = Fault.none.rawValue

    @Flag(help: "Print everything that happens.")
    var trace = false

    func run() throws {
        var options = SimulationOptions(seed: seed)
        options.steps = steps
        guard let cast = Cast(rawValue: cast) else { throw ValidationError("no such cast: \(cast)") }
        options.cast = cast
        guard let fault = Fault(rawValue: fault) else { throw ValidationError("no such fault: \(fault)") }
        options.fault = fault
        if trace { options.trace = { print($0) } }
        let report = Simulation.run(options)
        for (name, count) in report.happenings.sorted(by: { $0.key < $1.key }) { print("\(count) × \(name)") }
        print("\(report.events) events, \(report.packetsDelivered) packets delivered, ended at \(report.ended)")
        print("hash \(String(report.hash, radix: 16))")
        for violation in report.violations { print("violated: \(violation)") }
        if !report.violations.isEmpty { throw ExitCode.failure }
    }
}

Simulate.main()
