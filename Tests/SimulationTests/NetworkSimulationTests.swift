import Simulator
import Testing

/// How to see again what a failing test saw.
private func replay(_ report: SimulationReport, steps: Int, cast: Cast = .routers) -> Comment {
    Comment(
        rawValue: """
            seed \(report.seed): \(report.violations.map(\.description).joined(separator: "; "))
            replay: swift run mrp-simulate \(report.seed) --cast \(cast.rawValue) --steps \(steps) --trace
            """)
}

private func run(
    _ seed: UInt64, steps: Int = 60, cast: Cast = .routers, fault: Fault = .none
) -> SimulationReport {
    var options = SimulationOptions(seed: seed)
    options.cast = cast
    options.steps = steps
    options.fault = fault
    return Simulation.run(options)
}

@Suite struct `a metro network of router cores` {
    /// Twenty seeds a case, so that cases run beside one another and a failure still names its seed.
    @Test(arguments: [1, 21, 41, 61, 81, 101, 121, 141] as [UInt64])
    func `keeps every rule whatever happens in whatever order`(_ first: UInt64) {
        for seed in first..<(first + 20) {
            let report = run(seed)
            #expect(report.violations.isEmpty, replay(report, steps: 60))
        }
    }

    @Test(arguments: [1_001, 1_005] as [UInt64])
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
                "join", "join without authorization", "leave", "watch", "watch without authorization", "own interest",
                "unwatch", "vanish", "authorize", "revoke", "loss",
                "restart with keeper", "restart", "flap", "replace interface", "owner reconnects", "calendar step",
                "foreign deletion", "rogue stream",
            ])
        #expect(delivered > 5_000)
    }
}

@Suite struct `the whole system` {
    @Test(arguments: [1, 21, 41, 61, 81] as [UInt64])
    func `serves who may see and nobody else, whoever is killed and whatever is lost`(_ first: UInt64) {
        for seed in first..<(first + 20) {
            let report = run(seed, cast: .system)
            #expect(report.violations.isEmpty, replay(report, steps: 60, cast: .system))
        }
    }

    @Test func `plays the same seed the same way`() {
        #expect(run(42, cast: .system).hash == run(42, cast: .system).hash)
    }

    @Test func `sees every kind of trouble, and joins that go the whole way`() {
        var happenings: [String: Int] = [:]
        for seed in 1...UInt64(8) {
            happenings.merge(run(seed, cast: .system).happenings, uniquingKeysWith: +)
        }
        for kind in [
            "watch", "stop watching", "vanish", "entitlement changes", "spy", "loss", "restart with keeper", "restart",
            "flap", "replace interface", "server restarts", "proxy restarts", "replication point restarts",
            "foreign deletion", "rogue stream", "refused join: not-entitled", "unicast stream", "unicast stream broken",
            "unicast stream closed: revoked",
        ] {
            #expect(happenings[kind] ?? 0 > 0, "\(kind) never happened")
        }
        #expect(happenings["answered join"] ?? 0 > 100)
    }
}

/// The invariants are only worth something if they notice what is broken on purpose.
@Suite struct `the invariants` {
    @Test(arguments: [
        (Fault.extraOutput, "authorized"), (Fault.lostChanges, "authorized"), (Fault.lostReports, "served"),
    ])
    func `notice what is broken`(_ fault: Fault, _ rule: String) {
        for cast in Cast.allCases {
            let violations = (1...UInt64(4)).flatMap { run($0, cast: cast, fault: fault).violations }
            #expect(violations.contains { $0.rule == rule })
        }
    }
}
