import Clockwork
import ControlProtocol
import GroupMembership
import Lab
import LinuxIO
import Netlink
import Testing
import Wire

/// One router with a source before it and a port for each host, all in namespaces of their own.
///
/// ```
///  source ── up0 ─ router ─┬─ a1 ── h1
///  10.1.0.10               └─ a2 ── h2
/// ```
final class AccessNetwork {
    static let source = IPv4Address(10, 1, 0, 10)
    static let group = IPv4Address(232, 1, 1, 1)
    static let tree = SourceGroup(source: .v4(source), group: .v4(group))

    let lab: Lab
    let router: RouterProgram
    let sourceNode: Node
    private(set) var hosts: [Node] = []

    /// - Parameters:
    ///   - igmp: the settings of each host's port, YAML in braces.
    ///   - delivery: the name of the interface for unicast viewers.
    init(
        _ name: String, hosts count: Int = 2, igmp: String = "{single-host: true}", router settings: String = "",
        delivery: String? = nil, keeper: Bool = false, environment: [String: String] = [:]
    ) throws {
        lab = try Lab(name)
        let node = try lab.node("r")
        sourceNode = try lab.node("s")
        try lab.link(Lab.End(node, "up0", "10.1.0.1/24"), Lab.End(sourceNode, "eth0", "\(Self.source)/24"))
        try sourceNode.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        for number in 1...count {
            let host = try lab.node("h\(number)")
            try lab.link(
                Lab.End(node, "a\(number)", "10.3.\(number).1/24"),
                Lab.End(host, "eth0", "\(Self.address(ofHost: number))/24"))
            try host.ip("route", "add", "default", "via", "10.3.\(number).1")
            hosts.append(host)
        }
        let ports = (1...count).map { "    a\($0): {igmp: \(igmp)}" }.joined(separator: "\n")
        let delivered = delivery.map { "    \($0): {delivery: 10.255.1.1/32}\n" } ?? ""
        router = try RouterProgram(
            node, interfaces: "    up0: {pim: {}}\n\(delivered)\(ports)", settings: settings, keeper: keeper)
        try router.start(environment: environment)
    }

    deinit { lab.tearDown() }

    static func address(ofHost number: Int) -> IPv4Address { IPv4Address(10, 3, UInt8(clamping: number), 10) }

    func host(_ number: Int) -> Node { hosts[number - 1] }

    /// A viewer's socket on a host, member of the tree from now on.
    func viewer(_ number: Int, joined: Bool = true) throws -> Receiver {
        let receiver = try Receiver(on: host(number))
        if joined { try receiver.join(Self.group, Self.source) }
        return receiver
    }

    func sender(packetsPerSecond rate: Int = 1000) throws -> Sender {
        try Sender(on: sourceNode, to: Self.group, packetsPerSecond: rate)
    }

    /// Everybody named may join the tree for an hour.
    func authorization(_ subscriber: String, host number: Int) -> RouterFeedItem {
        .authorization(
            RouterAuthorization(
                subscriber: subscriber, binding: SubscriberBinding(addresses: [.v4(Self.address(ofHost: number))]),
                tree: Self.tree, expires: WallClock.now() + .seconds(3600)))
    }

    /// The outputs of the tree's entry, by interface name; nil without an entry.
    func installedOutputs() throws -> [String]? { try router.installedOutputs(of: Self.tree) }
}
