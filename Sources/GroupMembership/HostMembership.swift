import Clockwork
import Wire

/// One host's membership of one group on one output port, as explicit host tracking knows it.
package struct HostMembership: Hashable, Sendable {
    package var host: IPAddress
    package var group: IPAddress
    package var port: OutputPort
    package var version: MembershipVersion
    package var filterMode: FilterMode
    /// Sorted: the included sources, or the excluded ones.
    package var sources: [IPAddress]
    package var since: Instant
    package var lastReport: Instant
    /// When it goes unless the host reports again.
    package var expires: Instant
    /// The host has left, but another one may be hidden behind its reports: it counts until the last-member query time ends.
    package var isLeaving: Bool

    package init(
        host: IPAddress, group: IPAddress, port: OutputPort, version: MembershipVersion, filterMode: FilterMode,
        sources: [IPAddress], since: Instant, lastReport: Instant, expires: Instant, isLeaving: Bool
    ) {
        self.host = host
        self.group = group
        self.port = port
        self.version = version
        self.filterMode = filterMode
        self.sources = sources
        self.since = since
        self.lastReport = lastReport
        self.expires = expires
        self.isLeaving = isLeaving
    }

    /// Whether the host asks for packets of `source` to the group.
    package func wants(_ source: IPAddress) -> Bool {
        switch filterMode {
        case .include: sources.contains(source)
        case .exclude: !sources.contains(source)
        }
    }
}
