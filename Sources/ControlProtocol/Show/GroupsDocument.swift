import Wire

/// `show groups`: who asks for what on which port, with the verdict on each, and what the kernel does about it.
package struct GroupsDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.groups/1"

    package var schema = GroupsDocument.schemaName
    /// Sorted by group, then source.
    package var groups: [GroupEntry]

    package init(groups: [GroupEntry]) {
        self.groups = groups
    }
}

/// One (S,G); without a source, memberships that no tree could be found for.
package struct GroupEntry: Codable, Hashable, Sendable {
    package var source: IPAddress?
    package var group: IPAddress
    package var ports: [GroupPort]
    /// What the kernel forwarded or could have; nil where it has no entry.
    package var packets: UInt64?
    package var bytes: UInt64?

    package init(source: IPAddress?, group: IPAddress, ports: [GroupPort], packets: UInt64?, bytes: UInt64?) {
        self.source = source
        self.group = group
        self.ports = ports
        self.packets = packets
        self.bytes = bytes
    }
}

/// One output port of an (S,G). Leaf names follow RFC 8652.
package struct GroupPort: Codable, Hashable, Sendable {
    package var interface: String
    package var bridgePort: String?
    /// `igmp`, `pim`, `unicast`, or `adopted` for a port that the router found in the kernel when it started.
    package var origin: String
    /// `include` or `exclude`; nil where no host reported.
    package var filterMode: String?
    /// The oldest version spoken there: `igmpv1`, `igmpv2`, `igmpv3`.
    package var version: String?
    /// Seconds.
    package var upTime: Double
    /// Seconds until the last of its members expires.
    package var expire: Double?
    package var lastReporter: IPAddress?
    /// Whether the kernel's entry sends to this port.
    package var forwarding: Bool
    package var hosts: [GroupHost]

    package init(
        interface: String, bridgePort: String?, origin: String, filterMode: String?, version: String?, upTime: Double,
        expire: Double?, lastReporter: IPAddress?, forwarding: Bool, hosts: [GroupHost]
    ) {
        self.interface = interface
        self.bridgePort = bridgePort
        self.origin = origin
        self.filterMode = filterMode
        self.version = version
        self.upTime = upTime
        self.expire = expire
        self.lastReporter = lastReporter
        self.forwarding = forwarding
        self.hosts = hosts
    }
}

/// One who asks: a host by IGMP, a downstream PIM neighbour, or a unicast viewer (`version` is `http`).
package struct GroupHost: Codable, Hashable, Sendable {
    package var hostAddress: IPAddress
    package var subscriber: String?
    package var version: String
    package var filterMode: String
    package var sources: [IPAddress]
    /// Seconds since the first report, since the last one, and until it is forgotten. A unicast viewer is confirmed all the
    /// time and ends with its authorization; zero where nothing ends it by itself (the point's own interest).
    package var upTime: Double
    package var lastReport: Double
    package var expire: Double
    /// The host has left and counts until the last-member query time ends.
    package var leaving: Bool
    /// `admitted` or `refused`.
    package var verdict: String
    /// Why: an `AdmissionReason` in kebab-case.
    package var reason: String

    package init(
        hostAddress: IPAddress, subscriber: String?, version: String, filterMode: String, sources: [IPAddress],
        upTime: Double, lastReport: Double, expire: Double, leaving: Bool, verdict: String, reason: String
    ) {
        self.hostAddress = hostAddress
        self.subscriber = subscriber
        self.version = version
        self.filterMode = filterMode
        self.sources = sources
        self.upTime = upTime
        self.lastReport = lastReport
        self.expire = expire
        self.leaving = leaving
        self.verdict = verdict
        self.reason = reason
    }
}
