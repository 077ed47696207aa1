import Clockwork
import Foundation
import GroupMembership

/// How many IGMPv3 records a second one core decodes and applies, without any socket.
enum MembershipReportsBench: Bench {
    static let name = "membership-reports"
    static let summary = "IGMPv3 records decoded and applied by one core"

    private static let settings: [(groups: Int, hosts: Int)] = [(1000, 30), (10_000, 1), (1, 4000)]
    private static let duration = 1.0

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
        let start = processorTime()
        var records = 0
        while processorTime() - start < duration {
            workload.round()
            records += workload.recordsPerRound
        }
        return Double(records) / (processorTime() - start)
    }

    /// Seconds this thread has run: what one core does must not depend on who else uses the machine.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
