import CSystemShims
import Glibc
import GroupMembership
import Lab
import LinuxIO
import Wire

/// A source, a router and a host in a row, in namespaces of their own, for whatever program is the router:
///
/// ```
///  source ── up0 ─ router ─ a1 ── host
///  10.1.0.10                      10.3.1.10
/// ```
///
/// The host's kernel joins nothing: reports are put on its wire as bytes, and what comes in is read off its wire, so
/// that a kernel's own wait before a report is in no figure.
final class AccessLink {
    static let source = IPv4Address(10, 1, 0, 10)
    static let host = IPv4Address(10, 3, 1, 10)
    static let (upstream, downstream) = ("up0", "a1")

    let router: Node
    /// Where the stream leaves from.
    let sourceSocket: UDPSocket
    let reports: ReportSocket
    let tap: WireTap
    private let hostIndex: InterfaceIndex
    private let lab: Lab

    init(_ name: String) throws {
        lab = try Lab(name)
        router = try lab.node("r")
        let (sender, host) = (try lab.node("s"), try lab.node("h"))
        try lab.link(
            Lab.End(router, Self.upstream, "10.1.0.1/24"), Lab.End(sender, "eth0", "\(Self.source)/24"))
        try lab.link(
            Lab.End(router, Self.downstream, "10.3.1.1/24"), Lab.End(host, "eth0", "\(Self.host)/24"))
        try sender.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        // Programs that join every group upstream themselves need more than the default of 20.
        try router.sysctl("net.ipv4.igmp_max_memberships", "20000")
        sourceSocket = try sender.inNamespace {
            let socket = try UDPSocket(.v4)
            try socket.setMulticastTTL(16)
            return socket
        }
        reports = try ReportSocket(in: host)
        tap = try WireTap(in: host)
        hostIndex = try host.interfaceIndex("eth0")
    }

    /// Puts `packet` on the host's wire.
    func report(_ packet: [UInt8], to destination: IPv4Address) throws {
        try reports.send(packet, to: destination, on: hostIndex)
    }

    func tearDown() { lab.tearDown() }

    /// The router's interface towards the host, as its kernel numbers it.
    func downstreamIndex() throws -> InterfaceIndex { try router.interfaceIndex(Self.downstream) }

    /// Waits until the program on the router has made both interfaces virtual interfaces of the kernel's table.
    func waitForRouter() throws {
        var table = ""
        let isReady = try eventually(within: .seconds(15)) {
            table = try router.run("cat", "/proc/net/ip_mr_vif")
            return [Self.upstream, Self.downstream].allSatisfy { table.contains($0) }
        }
        guard isReady else { throw BenchFailure("no router on \(router.name): \(table)") }
    }
}

/// Puts IGMP packets on a host's wires exactly as given.
struct ReportSocket: ~Copyable {
    private let descriptor: FileDescriptor

    init(in node: Node) throws {
        descriptor = try node.inNamespace {
            try FileDescriptor.socket(family: AF_INET, type: CInt(SOCK_RAW.rawValue), protocol: CInt(IPPROTO_RAW))
        }
    }

    /// Sends a whole IPv4 packet.
    borrowing func send(_ packet: [UInt8], to destination: IPv4Address, on interface: InterfaceIndex) throws {
        let (number, endpoint) = (descriptor.number, IPAddress.v4(destination).endpoint)
        try shimCall("sendmsg") {
            packet.withUnsafeBytes {
                mrp_send_on_interface(number, $0.baseAddress, $0.count, endpoint, interface.rawValue, 0)
            }
        }
    }
}

extension Node {
    /// Runs `body` on this thread in the node's namespace; sockets opened there stay there.
    func inNamespace<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
        let home = try NetworkNamespace.current()
        try NetworkNamespace.enter(NetworkNamespace.open("/run/netns/\(namespace)"))
        defer { try? NetworkNamespace.enter(home) }
        return try body()
    }

    func interfaceIndex(_ name: String) throws -> InterfaceIndex {
        let index = try inNamespace { if_nametoindex(name) }
        guard index != 0 else { throw BenchFailure("\(self.name) has no interface \(name)") }
        return InterfaceIndex(index)
    }
}
