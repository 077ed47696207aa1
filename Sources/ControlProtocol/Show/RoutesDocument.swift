import Wire

/// `show routes`: the forwarding entries that are wanted and those that the kernel has.
package struct RoutesDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.routes/1"

    package var schema = RoutesDocument.schemaName
    /// Sorted by group, then source.
    package var routes: [RouteEntry]

    package init(routes: [RouteEntry]) {
        self.routes = routes
    }
}

package struct RouteEntry: Codable, Hashable, Sendable {
    package var source: IPAddress
    package var group: IPAddress
    /// `wanted`, `adopted` (found at the start, kept until its members have had time to report), `blocked` (an unwanted
    /// stream that a sender pushes), or `foreign` (not ours, being removed).
    package var origin: String
    package var incomingInterface: String?
    package var rpfNeighbor: IPAddress?
    /// `local`, `joined`, `connected`, `resolving`, `no-route`, `no-neighbor` or `not-joined`.
    package var upstreamState: String
    package var outgoingInterfaces: [RouteOutput]
    /// Whether the kernel has the entry exactly as wanted.
    package var installed: Bool
    /// The kernel's last answer where it refused the entry.
    package var problem: String?
    package var upTime: Double?
    package var packets: UInt64?
    package var bytes: UInt64?
    package var wrongInterfacePackets: UInt64?

    package init(
        source: IPAddress, group: IPAddress, origin: String, incomingInterface: String?, rpfNeighbor: IPAddress?,
        upstreamState: String, outgoingInterfaces: [RouteOutput], installed: Bool, problem: String?, upTime: Double?,
        packets: UInt64?, bytes: UInt64?, wrongInterfacePackets: UInt64?
    ) {
        self.source = source
        self.group = group
        self.origin = origin
        self.incomingInterface = incomingInterface
        self.rpfNeighbor = rpfNeighbor
        self.upstreamState = upstreamState
        self.outgoingInterfaces = outgoingInterfaces
        self.installed = installed
        self.problem = problem
        self.upTime = upTime
        self.packets = packets
        self.bytes = bytes
        self.wrongInterfacePackets = wrongInterfacePackets
    }
}

package struct RouteOutput: Codable, Hashable, Sendable {
    package var interface: String
    /// Bridge ports with an admitted member, where the interface is a bridge.
    package var bridgePorts: [String]
    /// Any of `igmp`, `pim`, `unicast`, `adopted`; empty for one that is about to be removed.
    package var origins: [String]
    package var installed: Bool
    /// Why a wanted output is left out: `incoming-interface`, `too-many-interfaces`, `interface-down`.
    package var problem: String?

    package init(
        interface: String, bridgePorts: [String], origins: [String], installed: Bool, problem: String?
    ) {
        self.interface = interface
        self.bridgePorts = bridgePorts
        self.origins = origins
        self.installed = installed
        self.problem = problem
    }
}
