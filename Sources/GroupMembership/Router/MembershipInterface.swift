import Clockwork
import Wire

/// The router side of IGMP on one downstream interface (RFC 3376 §6): querier, and tracker of every host.
///
/// A value without I/O: packets and the time go in, actions come out, `nextDeadline` says when `tick` is due. It
/// decides nothing about who may receive: memberships are what hosts ask for.
package struct MembershipInterface: Sendable {
    package let interface: InterfaceIndex
    package private(set) var address: IPv4Address
    /// The prefixes that hosts on the link may report from.
    package private(set) var subnets: [IPPrefix]
    package private(set) var configuration: MembershipConfiguration
    package internal(set) var counters = MembershipCounters()
    package private(set) var isRunning = false

    var table = MembershipTable()
    var querier: Querier
    var ports: [OutputPort: PortState] = [:]
    /// Kept between calls so that a report that changes nothing allocates nothing.
    var events: [MembershipEvent] = []

    struct PortState: Sendable {
        var configuration: MembershipPortConfiguration?
        var limiter = ReportRateLimiter()
    }

    /// `configuration` must have passed `validate()`.
    package init(
        interface: InterfaceIndex, address: IPv4Address, subnets: [IPPrefix], configuration: MembershipConfiguration,
        seed: UInt64
    ) {
        precondition((try? configuration.validate()) != nil, "a configuration that was not validated")
        self.interface = interface
        self.address = address
        self.subnets = subnets
        self.configuration = configuration
        querier = Querier(timers: MembershipTimers(configuration), seed: seed)
    }

    // MARK: What it knows

    /// Whether this router queries on the link.
    package var isQuerier: Bool { querier.isQuerier }
    /// The elected querier, this router's own address included.
    package var querierAddress: IPAddress { querier.other ?? .v4(address) }
    /// Sorted.
    package var groups: [IPAddress] { table.groups }
    /// Sorted by port, then host.
    package func memberships(of group: IPAddress) -> [HostMembership] { table.memberships(of: group) }
    /// Sorted by host.
    package func memberships(of group: IPAddress, on port: OutputPort) -> [HostMembership] {
        table.memberships(of: group, on: port)
    }
    /// Nil when the host is no member of the group on the port.
    package func membership(of group: IPAddress, host: IPAddress, on port: OutputPort) -> HostMembership? {
        table.membership(of: group, host: host, on: port)
    }
    /// Sorted by group, port, host.
    package func allMemberships() -> [HostMembership] { groups.flatMap { memberships(of: $0) } }
    /// When `tick` is due.
    package mutating func nextDeadline() -> Instant? {
        isRunning ? .earliest(querier.nextDeadline, table.nextDeadline()) : nil
    }

    // MARK: Life

    /// The interface is up: begins to query.
    package mutating func start(now: Instant, into actions: inout [MembershipAction]) {
        guard !isRunning else { return }
        isRunning = true
        querier.start(now: now, timers: MembershipTimers(configuration))
        actions.append(.querierChanged(nil))
        tick(now: now, into: &actions)
    }

    /// The interface went down or is no longer ours: forgets all hosts.
    package mutating func stop(now: Instant, into actions: inout [MembershipAction]) {
        guard isRunning else { return }
        querier.stop()
        table.remove(where: { _, _ in true }, into: &events)
        flush(into: &actions)
        isRunning = false
    }

    package mutating func tick(now: Instant, into actions: inout [MembershipAction]) {
        guard isRunning else { return }
        while let duty = querier.duty(at: now, own: MembershipTimers(configuration)) {
            switch duty {
            case .takeOver: actions.append(.querierChanged(nil))
            case .sendGeneralQuery: sendGeneralQuery(into: &actions)
            }
        }
        table.tick(now: now, isQuerier: isQuerier, timers: querier.timers, into: &events)
        flush(into: &actions)
    }

    /// What is declared of one port; nil puts the interface's default back.
    package mutating func configure(bridgePort: InterfaceIndex?, _ configuration: MembershipPortConfiguration?) {
        ports[port(bridgePort), default: PortState()].configuration = configuration
    }

    /// A configuration that passed `validate()`; memberships stay, timers that run keep their ends.
    package mutating func reconfigure(_ configuration: MembershipConfiguration, now: Instant) {
        precondition((try? configuration.validate()) != nil, "a configuration that was not validated")
        self.configuration = configuration
        querier.reconfigure(MembershipTimers(configuration), now: now)
    }

    /// The interface's addresses changed.
    package mutating func update(address: IPv4Address, subnets: [IPPrefix]) {
        self.address = address
        self.subnets = subnets
    }

    /// A bridge port vanished or lost its link: forgets its hosts, and what was declared of it.
    package mutating func remove(bridgePort: InterfaceIndex?, into actions: inout [MembershipAction]) {
        let gone = port(bridgePort)
        ports[gone] = nil
        table.remove(where: { $1.port == gone }, into: &events)
        flush(into: &actions)
    }

    /// Forgets a host until it reports again.
    package mutating func remove(host: IPAddress, into actions: inout [MembershipAction]) {
        table.remove(where: { $1.host == host }, into: &events)
        flush(into: &actions)
    }

    /// Forgets a host's membership of one group until it reports again.
    package mutating func remove(
        host: IPAddress, group: IPAddress, port: OutputPort, into actions: inout [MembershipAction]
    ) {
        table.remove(host: host, group: group, port: port, into: &events)
        flush(into: &actions)
    }

    // MARK: Shared by the parts

    func port(_ bridgePort: InterfaceIndex?) -> OutputPort { OutputPort(interface: interface, bridgePort: bridgePort) }

    mutating func flush(into actions: inout [MembershipAction]) {
        if events.isEmpty { return }
        for event in events {
            switch event {
            case .changed(let group, let port, let host):
                actions.append(.changed(group: group, port: port, host: host))
            case .query(let group, let sources, let suppresses):
                sendQuery(group, sources, suppressesRouterSideProcessing: suppresses, into: &actions)
            }
        }
        events.removeAll(keepingCapacity: true)
    }
}
