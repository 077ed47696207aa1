import CSystemShims
import Glibc
import LinuxIO
import Wire

/// The way the kernel's routes lead to an address.
package struct RoutePath: Hashable, Sendable {
    package var interface: InterfaceIndex
    /// The next hop, or nil when the address is on the link itself (or the next hop is of the other family).
    package var gateway: IPAddress?
    /// Our address on that way.
    package var preferredSource: IPAddress?
    /// The address is one of our own.
    package var isLocal: Bool
}

/// Asks the kernel single questions about routes and neighbours.
package final class RouteLookup {
    private let netlink: NetlinkSocket

    package init() throws(SystemError) {
        netlink = try NetlinkSocket(groups: [])
    }

    /// The way towards `destination`: for a source, the reverse path that its packets must come by. Nil when there is no
    /// route.
    package func path(to destination: IPAddress) throws(SystemError) -> RoutePath? {
        var route = mrp_route()
        let handle = netlink.handle
        do throws(SystemError) {
            try shimCall("RTM_GETROUTE") { mrp_route_lookup(handle, destination.endpoint, &route) }
        } catch  where [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(error.errno) {
            // The last two are what routes of type prohibit and blackhole answer.
            return nil
        }
        guard route.ifindex != 0 else { return nil }
        return RoutePath(
            interface: InterfaceIndex(route.ifindex), gateway: IPAddress(route.gateway),
            preferredSource: IPAddress(route.preferred_source), isLocal: route.is_local)
    }

    /// The link-layer address behind `address` on `interface`, or nil when the kernel does not know one.
    package func hardwareAddress(
        of address: IPAddress, on interface: InterfaceIndex
    ) throws(SystemError) -> MACAddress? {
        var hardwareAddress: UInt64 = 0
        let handle = netlink.handle
        do throws(SystemError) {
            try shimCall("RTM_GETNEIGH") {
                mrp_neighbor_lookup(handle, address.endpoint, interface.rawValue, &hardwareAddress)
            }
        } catch  where error.errno == ENOENT || error.errno == ENODEV {
            return nil
        }
        return MACAddress(rawValue: hardwareAddress)
    }
}
