import KernelMulticast
import LinuxIO
import Wire

/// The router groups this host is a member of, by interface.
struct RouterGroupMemberships: ~Copyable {
    private static let igmpGroups: [IPv4Address] = [.allRouters, .allIGMPv3Routers]
    private static let pimGroups: [IPv4Address] = [.allPIMRouters]

    private var memberships = GroupMemberships()

    init() {}

    /// Joins and leaves what the protocols on this interface need; nothing to do is the usual case.
    mutating func set(igmp: Bool, pim: Bool, on interface: InterfaceIndex) throws(SystemError) {
        try set(igmp, Self.igmpGroups, on: interface)
        try set(pim, Self.pimGroups, on: interface)
    }

    private mutating func set(
        _ joined: Bool, _ groups: [IPv4Address], on interface: InterfaceIndex
    ) throws(SystemError) {
        for group in groups {
            if joined {
                try memberships.join(group, on: interface)
            } else {
                memberships.leave(group, on: interface)
            }
        }
    }

    mutating func leaveAll(on interface: InterfaceIndex) {
        memberships.leaveAll(on: interface)
    }
}
