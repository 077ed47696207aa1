import Clockwork
import Glibc
import Lab
import LinuxIO

/// How soon a report opens a port, and how soon a leave closes it, beside a bare C loop and two routers of others.
enum RouterLatencyBench: Bench {
    static let name = "router-latency"
    static let summary = "report to forwarding entry and to first live packet; leave to last packet"

    private static let rounds = 150
    /// How long a stream has been at the router when it is joined.
    private static let lead: useconds_t = 30_000

    private struct Record {
        let contestant: JoinContestant
        let stopwatch: JoinStopwatch
        var joins: [JoinStopwatch.Join] = []
        var leaves: [Double] = []

        init(_ contestant: JoinContestant) throws {
            self.contestant = contestant
            try contestant.link.waitForRouter()
            stopwatch = try JoinStopwatch(contestant)
        }

        var notification: Double { joins.map(\.notification).median }
        var livePacket: Double { joins.map(\.livePacket).median }
    }

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        var records = try contestants(environment).map { try Record($0) }
        defer { for record in records { record.contestant.link.tearDown() } }
        let stream = try LiveStream()
        defer { stream.stop() }
        // In turn, so that all meet the same machine.
        for round in 0..<rounds {
            for index in records.indices { try measure(&records[index], round, stream) }
        }
        return lines(records)
    }

    private static func contestants(_ environment: BenchEnvironment) throws -> [JoinContestant] {
        var all: [JoinContestant] = [
            try .loop(environment), try .ours(environment, rounds: rounds), try .igmpproxy(),
        ]
        if let obstacle = FRRRouter.obstacle { report("left out: \(obstacle)") } else { all.append(try .frr()) }
        return all
    }

    private static func measure(_ record: inout Record, _ round: Int, _ stream: LiveStream) throws {
        let contestant = record.contestant
        let group = contestant.group(round)
        stream.send(to: group, from: contestant.link.sourceSocket)
        defer { stream.pause() }
        usleep(lead)
        record.joins.append(try record.stopwatch.join(group, stream))
        switch contestant.kind {
        case .ours, .loop:
            usleep(lead)
            record.leaves.append(try record.stopwatch.leave(group))
        // These send on for seconds.
        case .igmpproxy, .frr: break
        }
    }

    private static func lines(_ records: [Record]) -> [BenchLine] {
        guard let ours = records.first(where: { $0.contestant.kind == .ours }) else { return [] }
        var lines: [BenchLine] = []
        for other in records where other.contestant.kind != .ours {
            let bar = BenchLine.Bar.ratioAtMost(other.contestant.kind == .loop ? 1.5 : 1)
            func line(_ what: String, _ value: (Record) -> Double) -> BenchLine {
                BenchLine(
                    name: "\(name) report to \(what), median", unit: "µs", ours: value(ours),
                    otherName: other.contestant.kind.rawValue, other: value(other), bar: bar)
            }
            lines.append(line("forwarding entry", \.notification))
            lines.append(line("first live packet", \.livePacket))
        }
        let loop = records.first { $0.contestant.kind == .loop }
        lines.append(
            BenchLine(
                name: "\(name) leave to last packet, p99", unit: "ms", ours: ours.leaves.percentile(0.99),
                otherName: "C loop", other: loop?.leaves.percentile(0.99), bar: .atMost(10)))
        return lines
    }
}

/// Says on standard error what is no result.
func report(_ text: String) {
    _ = Array("  \(text)\n".utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

extension [Double] {
    var median: Double { percentile(0.5) }

    /// The least value that at least this share of all values do not exceed; infinite where there are none.
    func percentile(_ share: Double) -> Double {
        let rank = Int((Double(count) * share).rounded(.up))
        return isEmpty ? .infinity : sorted()[Swift.min(Swift.max(rank, 1), count) - 1]
    }
}
