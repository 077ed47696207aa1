/// A named limit that kept something from being tracked.
package enum MembershipLimit: UInt8, Error, CaseIterable, Sendable, CustomStringConvertible {
    case reportRate
    case maxGroups
    case maxGroupSources
    case maxHostsPerGroup
    case maxGroupsPerHost
    case maxMembershipsPerPort
    case maxPorts

    package var description: String {
        switch self {
        case .reportRate: "report-rate"
        case .maxGroups: "max-groups"
        case .maxGroupSources: "max-group-sources"
        case .maxHostsPerGroup: "max-hosts-per-group"
        case .maxGroupsPerHost: "max-groups-per-host"
        case .maxMembershipsPerPort: "max-memberships-per-port"
        case .maxPorts: "max-ports"
        }
    }
}

/// What one interface has received, sent and refused since it was made.
package struct MembershipCounters: Hashable, Sendable {
    package var queriesReceived: UInt64 = 0
    package var v1ReportsReceived: UInt64 = 0
    package var v2ReportsReceived: UInt64 = 0
    package var v3ReportsReceived: UInt64 = 0
    package var leavesReceived: UInt64 = 0
    /// Records inside version 3 reports.
    package var recordsReceived: UInt64 = 0
    /// Records of a type nobody defined, ignored as RFC 3376 §4.2.12 asks.
    package var unknownRecords: UInt64 = 0
    /// Leaves by a host that is not known as a member: they change nothing.
    package var leavesWithoutMembership: UInt64 = 0
    /// Queries of another router in an older version than this one's, a mistake of configuration (RFC 3376 §7.3.1).
    package var olderVersionQueries: UInt64 = 0
    package var generalQueriesSent: UInt64 = 0
    package var groupQueriesSent: UInt64 = 0
    package var groupAndSourceQueriesSent: UInt64 = 0
    private var refused = [UInt64](repeating: 0, count: IGMPError.allCases.count)
    private var limited = [UInt64](repeating: 0, count: MembershipLimit.allCases.count)

    /// Packets, or records of a report, refused for this reason.
    package subscript(reason: IGMPError) -> UInt64 { refused[Int(reason.rawValue)] }
    /// Messages or records that met this limit.
    package subscript(limit: MembershipLimit) -> UInt64 { limited[Int(limit.rawValue)] }

    mutating func count(_ reason: IGMPError) { refused[Int(reason.rawValue)] &+= 1 }
    mutating func count(_ limit: MembershipLimit) { limited[Int(limit.rawValue)] &+= 1 }
}
