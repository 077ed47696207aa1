import Clockwork
import Wire

/// What `mrp-router` reads of the file.
package struct RouterConfiguration: Hashable, Sendable {
    package static let defaultControlSocket = "/run/mrp/router.sock"
    /// The kernel's VIF tables hold 32, one of which PIM's register interface would need.
    package static let maximumInterfaces = 31

    package var controlSocket: String
    /// Path of `mrp-keeper`'s socket where systemd's fd store is not used.
    package var keeperSocket: String?
    /// The multicast routing table (`MRT_TABLE`); zero is the kernel's default one.
    package var table: Int
    /// In the order of the file.
    package var interfaces: [RouterInterface]
    /// Neighbours whose joins are admitted by configuration, not by subscriber.
    package var trustedDownstreamRouters: [IPPrefix]
    package var limits: RouterLimits

    /// The interface for unicast viewers, where there is one.
    package var delivery: (name: String, address: InterfaceAddress)? {
        for interface in interfaces {
            if let address = interface.delivery { return (interface.name, address) }
        }
        return nil
    }
}

/// Bounds of the router's tables; what does not fit is refused with a counter.
package struct RouterLimits: Hashable, Sendable {
    package var groupsPerInterface: Int
    package var hostsPerGroup: Int
    package var refusedMembershipsPerInterface: Int
    package var authorizations: Int
    package var sourceMappings: Int
    package var localTrees: Int
    package var unicastMembers: Int
    package var forwardingEntries: Int
    package var unresolvedEntries: Int
    package var neighborsPerInterface: Int
    package var controlConnections: Int
}

/// Who may open a port on an interface.
package enum AdmissionMode: String, Hashable, Sendable, CaseIterable {
    /// Subscribers with an authorization for the tree.
    case authorized
    /// Everyone who asks.
    case open
}

/// One interface the router works on.
package struct RouterInterface: Hashable, Sendable {
    package var name: String
    /// Present where hosts are.
    package var igmp: IGMPConfiguration?
    /// Present where other multicast routers are.
    package var pim: PIMConfiguration?
    /// Present where the router makes the interface itself (a veth pair), for packets the live proxy on this host sends.
    package var source: InterfaceAddress?
    /// Present where the router makes the interface itself (a veth pair), for trees that the replication point on this
    /// host serves by unicast: it receives them on the far end.
    package var delivery: InterfaceAddress?
    package var admission: AdmissionMode
}

/// RFC 3376 §8 in the words of RFC 8652.
package struct IGMPConfiguration: Hashable, Sendable {
    package var version: Int
    package var queryInterval: Duration
    package var queryMaxResponseTime: Duration
    package var robustnessVariable: Int
    package var lastMemberQueryInterval: Duration
    /// A leave closes the port without asking whether anyone else is there.
    package var immediateLeave: Bool
    /// Every port holds one host only, so that its leave is certain whatever version it speaks.
    package var singleHost: Bool
    package var maxGroups: Int
    package var maxGroupSources: Int
    package var requireRouterAlert: Bool
    package var verifySourceSubnet: Bool
    /// Queries from this interface are counted and ignored: no host becomes querier.
    package var queryGuard: Bool
}

/// RFC 7761 §4.11 in the words of RFC 9128.
package struct PIMConfiguration: Hashable, Sendable {
    package var helloInterval: Duration
    package var helloHoldtime: Duration
    /// The first Hello, and one that answers a new neighbour, waits a random time up to this.
    package var triggeredHelloDelay: Duration
    package var drPriority: UInt32
    package var joinPruneInterval: Duration
    package var propagationDelay: Duration
    package var overrideInterval: Duration
    /// Who may be a neighbour; empty admits every address of the interface's subnets.
    package var neighbors: [IPPrefix]
}
