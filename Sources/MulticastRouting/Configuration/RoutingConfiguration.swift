import Clockwork
import GroupMembership
import PIM
import Wire

/// What the router is told to do; validated by whoever read it from a file.
package struct RoutingConfiguration: Sendable, Equatable {
    /// By name, because interfaces come late, vanish and return with another number.
    package var interfaces: [RoutedInterfaceConfiguration]
    /// Hosts and proxies whose reports are admitted by configuration, not by subscriber.
    package var trustedDownstream: [IPPrefix] = []
    package var adoption = AdoptionConfiguration()
    package var limits = RoutingLimits()

    package init(interfaces: [RoutedInterfaceConfiguration]) {
        self.interfaces = interfaces
    }
}

/// Who may open a port on an interface.
package enum AdmissionMode: String, Sendable, Equatable {
    /// Subscribers with an authorization for the tree.
    case authorized
    /// Everyone who asks.
    case open
}

/// One interface the router forwards on; one without IGMP and PIM carries only what sources on it send, or, where it
/// delivers, what unicast viewers watch.
package struct RoutedInterfaceConfiguration: Sendable, Equatable {
    package var name: String
    package var igmp: MembershipConfiguration?
    package var pim: PIMConfiguration?
    package var admission = AdmissionMode.authorized
    /// Trees with a unicast member are copied here; at most one interface is for that.
    package var isDelivery: Bool

    package init(
        name: String, igmp: MembershipConfiguration? = nil, pim: PIMConfiguration? = nil,
        admission: AdmissionMode = .authorized, isDelivery: Bool = false
    ) {
        self.name = name
        self.igmp = igmp
        self.pim = pim
        self.admission = admission
        self.isDelivery = isDelivery
    }
}

/// How long entries that a router finds in the kernel when it starts go on without the members that caused them.
package struct AdoptionConfiguration: Sendable, Equatable {
    /// Added to the query response time of an IGMP interface: hosts answer the first query within that.
    package var igmpMargin: Duration = .seconds(5)
    /// Owners without whose snapshot nobody can say that an adopted port has no authorized member.
    package var owners: Set<String> = ["replication-point"]
    /// How long to wait for those owners.
    package var ownerWait: Duration = .seconds(60)

    package init() {}
}

/// Bounds of the router's tables; what does not fit is refused with a counter.
package struct RoutingLimits: Sendable, Equatable {
    package var owners = 16
    /// Items of all kinds an owner may publish.
    package var itemsPerOwner = 200_000
    /// Trees with members or downstream routers, and so wanted forwarding entries.
    package var trees = 16_384
    /// Unicast viewers of all owners.
    package var unicastMembers = 65_536
    /// Memberships without an authorization that an interface remembers.
    package var refusedMembershipsPerInterface = 4_096
    /// Entries that keep streams nobody wants from being queued by the kernel.
    package var blockedStreams = 1_024
    /// Hosts whose link-layer address is remembered.
    package var neighborAddresses = 16_384
    /// Sources whose route is remembered.
    package var sources = 16_384

    package init() {}
}

extension RoutingLimits {
    /// The kernel's table holds 32; by netlink only 31 can be outputs (`MRT_ADD_MFC` alone reaches the last).
    package static let virtualInterfaces = 31
}
