import GroupMembership

/// How many IGMPv3 records a second one core decodes and applies, without any socket.
enum MembershipReportsBench: Bench {
    static let name = "membership-reports"
    static let summary = "IGMPv3 records decoded and applied by one core"

    private static let settings: [(groups: Int, hosts: Int)] = [(1000, 30), (10_000, 1), (1, 4000)]
    /// Nanoseconds of processor time.
    private static let duration = 1e9

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        settings.flatMap { groups, hosts in
            MembershipReportsWorkload.Kind.allCases.map { kind in
                BenchLine(
                    name: "\(name) \(kind.rawValue), \(groups) groups of \(hosts) hosts", unit: "records/s",
                    ours: recordsPerSecond(kind, groups: groups, hosts: hosts), bar: .atLeast(500_000))
            }
        }
    }

    private static func recordsPerSecond(_ kind: MembershipReportsWorkload.Kind, groups: Int, hosts: Int) -> Double {
        var workload = MembershipReportsWorkload(kind, groups: groups, hostsPerGroup: hosts)
        workload.round()
        let start = ThreadProcessorTime.now()
        var records = 0
        while ThreadProcessorTime.now() - start < duration {
            workload.round()
            records += workload.recordsPerRound
        }
        return Double(records) / ((ThreadProcessorTime.now() - start) / 1e9)
    }
}
