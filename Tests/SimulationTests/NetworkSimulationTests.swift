import Simulator
import Testing

/// How to see again what a failing test saw.
private func replay(_ report: SimulationReport, steps: Int) -> Comment {
    Comment(
        rawValue: """
            seed \(report.seed): \(report.violations.map(\.description).joined(separator: "; "))
            replay: swift run mrp-simulate \(report.seed) --steps \(steps) --trace
            """)
}

private func run(_ seed: UInt64, steps: Int = 60, fault: Fault = .none) -> SimulationReport {
    var options = SimulationOptions(seed: seed)
    options.steps = steps
    options.fault = fault
    return Simulation.run(options)
}

@Suite struct `a metro network of router cores` {
    /// Twenty-five seeds a case, so that cases run beside one another and a failure still names its seed.
    @Test(arguments: [1, 26, 51, 76, 101, 126, 151, 176] as [UInt64])
    func `keeps every rule whatever happens in whatever order`(_ first: UInt64) {
        for seed in first..<(first + 25) {
            let report = run(seed)
            #expect(report.violations.isEmpty, replay(report, steps: 60))
        }
    }

    @Test(arguments: [1_001, 1_005, 1_009] as [UInt64])
    func `keeps every rule through long troubles`(_ first: UInt64) {
        for seed in first..<(first + 4) {
            let report = run(seed, steps: 200)
            #expect(report.violations.isEmpty, replay(report, steps: 200))
        }
    }

    @Test func `plays the same seed the same way, and another seed another way`() {
        let first = run(42)
        #expect(run(42).hash == first.hash)
        #expect(run(43).hash != first.hash)
    }

    @Test func `sees every kind of trouble, and viewers who are served`() {
        var happenings: Set<String> = []
        var delivered = 0
        for seed in 1...UInt64(12) {
            let report = run(seed)
            happenings.formUnion(report.happenings.keys)
            delivered += report.packetsDelivered
        }
        #expect(
            happenings == [
                "join", "join without authorization", "leave", "vanish", "authorize", "revoke", "loss",
                "restart with keeper", "restart", "flap", "replace interface", "owner reconnects", "calendar step",
                "foreign deletion", "rogue stream",
            ])
        #expect(delivered > 5_000)
    }
}

/// The invariants are only worth something if they notice what is broken on purpose.
@Suite struct `the invariants` {
    @Test(arguments: [
        (Fault.extraOutput, "authorized"), (Fault.lostChanges, "authorized"), (Fault.lostReports, "served"),
    ])
    func `notice what is broken`(_ fault: Fault, _ rule: String) {
        let violations = (1...UInt64(5)).flatMap { run($0, fault: fault).violations }
        #expect(violations.contains { $0.rule == rule })
    }
}
