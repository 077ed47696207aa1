import Clockwork
import ControlProtocol
import Glibc
import GroupMembership
import Lab
import LinuxIO
import Wire

/// What many groups cost the router: processor time a report through real sockets, and memory.
enum RouterLoadBench: Bench {
    static let name = "router-load"
    static let summary = "processor time a report with 12,000 groups; memory of 1,000 groups on 30 ports"

    private static let groupsPerPort = 400
    private static let groupCount = AccessStreet.ports * groupsPerPort
    private static let memoryGroups = 1000
    private static let reportsPerMillisecond = 20
    private static let settling: useconds_t = 300_000

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        let frr = try frrCost()
        return try costLines(environment, frr: frr) + memoryLines(environment)
    }

    // MARK: Processor time

    /// Reports of one kind for every group, each behind one port.
    private static func reportAll(_ type: MembershipRecordType, on street: AccessStreet) throws {
        try pace(groupCount) { number in
            try street.report(type, group(number), port: number % AccessStreet.ports)
        }
    }

    private static func group(_ number: Int) -> IPv4Address { IPv4Address(rawValue: 0xE801_0000 + UInt32(number)) }

    /// Calls `body` so often, a burst each millisecond.
    private static func pace(_ count: Int, _ body: (Int) throws -> Void) throws {
        var due = MonotonicClock.now()
        for number in 0..<count {
            try body(number)
            guard (number + 1) % reportsPerMillisecond == 0 else { continue }
            due = due + .milliseconds(1)
            let left = (due - MonotonicClock.now()).nanoseconds
            if left > 0 { usleep(useconds_t(left / 1000)) }
        }
    }

    /// Microseconds a report; the first of `phases` is the joins.
    private static func costs(
        _ phases: [MembershipRecordType], on street: AccessStreet, _ program: String, _ processes: [ProcessFigures]
    ) throws -> [Double] {
        func time() throws -> Double { try processes.reduce(0) { try $0 + $1.processorTime() } }
        return try phases.map { phase in
            let before = try time()
            try reportAll(phase, on: street)
            // Asking the kernel for its table while it is written would cost the writer.
            usleep(settling)
            try street.waitForEntries(phase == .blockOldSources ? 0 : groupCount, of: program)
            return (try time() - before) / Double(groupCount) / 1000
        }
    }

    private static func costLines(_ environment: BenchEnvironment, frr: Double?) throws -> [BenchLine] {
        let street = try AccessStreet("ld")
        defer { street.tearDown() }
        let router = try startRouter(environment, on: street)
        try router.own(
            (0..<groupCount).map {
                RouterProcess.authorization(
                    "viewer\($0 % AccessStreet.ports)", AccessStreet.host($0 % AccessStreet.ports), group($0))
            })
        let costs = try costs(
            [.allowNewSources, .modeIsInclude, .blockOldSources], on: street, "mrp-router",
            [ProcessFigures(router.process.identifier)])
        let heard = try router.total(of: "igmp-v3-reports-received")
        guard heard == UInt64(3 * groupCount) else { throw BenchFailure("\(heard) reports heard of \(3 * groupCount)") }
        return zip(["join", "refresh", "leave"], costs).map { kind, cost in
            BenchLine(
                name: "\(name) \(kind), \(groupCount) groups, processor time", unit: "µs/report", ours: cost,
                otherName: kind == "join" ? "FRR pimd" : nil, other: kind == "join" ? frr : nil, bar: .atMost(10))
        }
    }

    private static func startRouter(_ environment: BenchEnvironment, on street: AccessStreet) throws -> RouterProcess {
        let ports = (1...AccessStreet.ports).map { "    a\($0): {igmp: {}}" }.joined(separator: "\n")
        return try RouterProcess(environment, in: street.router, interfaces: "    up0: {pim: {}}\n\(ports)")
    }

    /// The same joins answered by FRR; nil where it cannot run.
    private static func frrCost() throws -> Double? {
        if let obstacle = FRRRouter.obstacle {
            report("left out: \(obstacle)")
            return nil
        }
        let street = try AccessStreet("lr")
        defer { street.tearDown() }
        let ports = (1...AccessStreet.ports).map { "a\($0)" }
        let frr = try FRRRouter(in: street.router, interfaces: ["up0"] + ports)
        let commands = ports.map { "interface \($0)\nip igmp\nip igmp version 3" }.joined(separator: "\n")
        _ = try frr.show("configure terminal\n\(commands)")
        let processes = try ["zebra", "pimd"].map { try ProcessFigures(pidFile: street.router.path("frr/\($0).pid")) }
        return try costs([.allowNewSources], on: street, "FRR", processes).first
    }

    // MARK: Memory

    /// Each group behind one port, and each behind all of them: the second has thirty times the memberships, and as
    /// many authorizations.
    private static func memoryLines(_ environment: BenchEnvironment) throws -> [BenchLine] {
        [
            try memoryLine("each on one of \(AccessStreet.ports) ports", environment, portsPerGroup: 1),
            try memoryLine(
                "each on all \(AccessStreet.ports) ports", environment, portsPerGroup: AccessStreet.ports),
        ]
    }

    private static func memoryLine(
        _ what: String, _ environment: BenchEnvironment, portsPerGroup: Int
    ) throws -> BenchLine {
        let street = try AccessStreet("lm")
        defer { street.tearDown() }
        let router = try startRouter(environment, on: street)
        let memberships = (0..<memoryGroups * portsPerGroup).map { number in
            (group: group(number / portsPerGroup), port: number % AccessStreet.ports)
        }
        try router.own(
            memberships.map { RouterProcess.authorization("viewer\($0.port)", AccessStreet.host($0.port), $0.group) })
        try pace(memberships.count) { number in
            try street.report(.allowNewSources, memberships[number].group, port: memberships[number].port)
        }
        try street.waitForEntries(memoryGroups, of: "mrp-router")
        let isComplete = try eventually(within: .seconds(10)) {
            try router.show(.status, RouterStatusDocument.self).memberships == memberships.count
        }
        guard isComplete else { throw BenchFailure("not all \(memberships.count) memberships were taken") }
        return BenchLine(
            name: "\(name) resident memory, \(memoryGroups) groups, \(what)", unit: "MB",
            ours: try ProcessFigures(router.process.identifier).residentMegabytes(), bar: .atMost(40))
    }
}
