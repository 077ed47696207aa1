import GroupMembership
import Lab
import LinuxIO
import Netlink
import Wire

/// A router with a port for each of up to 30 hosts; one namespace plays all the hosts.
final class AccessStreet {
    static let ports = 30

    let router: Node
    private let reports: ReportSocket
    private let wires: [InterfaceIndex]
    private let lab: Lab

    init(_ name: String) throws {
        lab = try Lab(name)
        router = try lab.node("r")
        let (sender, hosts) = (try lab.node("s"), try lab.node("h"))
        try lab.link(
            Lab.End(router, "up0", "10.1.0.1/24"), Lab.End(sender, "eth0", "\(AccessLink.source)/24"))
        for port in 1...Self.ports {
            try lab.link(Lab.End(router, "a\(port)", "10.3.\(port).1/24"), Lab.End(hosts, "p\(port)"))
        }
        wires = try (1...Self.ports).map { try hosts.interfaceIndex("p\($0)") }
        reports = try ReportSocket(in: hosts)
    }

    func tearDown() { lab.tearDown() }

    static func host(_ port: Int) -> IPv4Address { IPv4Address(10, 3, UInt8(clamping: port + 1), 10) }

    /// One IGMPv3 report with one record for `group`, on the wire of the host behind `port` (from 0).
    func report(_ type: MembershipRecordType, _ group: IPv4Address, port: Int) throws {
        let record = MembershipRecord(type, group: .v4(group), sources: [.v4(AccessLink.source)])
        try reports.send(
            IGMPHostMessage.report([record], from: Self.host(port)), to: .allIGMPv3Routers, on: wires[port])
    }

    /// How many entries the router's kernel sends somewhere.
    func openEntries() throws -> Int {
        try router.inNamespace { try ForwardingCache().entries().count { !$0.isUnresolved && !$0.outputs.isEmpty } }
    }

    /// Waits until as many entries as that are open.
    func waitForEntries(_ count: Int, of program: String) throws {
        var open = 0
        let isThere = try eventually(within: .seconds(20)) {
            open = try openEntries()
            return open == count
        }
        guard isThere else { throw BenchFailure("\(program): \(open) entries instead of \(count)") }
    }
}
