import Wire

/// How one downstream interface queries and tracks its hosts; names follow RFC 8652.
package struct MembershipConfiguration: Hashable, Sendable {
    /// The version this router queries with: 2 or 3.
    package var version: MembershipVersion = .v3
    /// How many times a message may get lost (RFC 3376 §8.1).
    package var robustnessVariable = 2
    package var queryInterval: Duration = .seconds(125)
    /// How long hosts may take to answer a general query; less than the query interval.
    package var queryMaxResponseTime: Duration = .seconds(10)
    package var lastMemberQueryInterval: Duration = .seconds(1)
    /// Nil: as many as the robustness variable.
    package var lastMemberQueryCount: Int?
    /// Nil: a quarter of the query interval.
    package var startupQueryInterval: Duration?
    /// Nil: as many as the robustness variable.
    package var startupQueryCount: Int?
    /// A leave takes effect without asking whether another host remains.
    package var immediateLeave = false
    /// A leave takes effect at once where every host known on the port speaks version 3 of the protocol for the group.
    package var explicitTracking = true
    package var requireRouterAlert = false
    package var verifySourceSubnet = true
    /// What holds for a port that was not configured by itself.
    package var defaultPort = MembershipPortConfiguration()
    package var limits = MembershipLimits()
    /// Of the interface: group-and-source queries are split to fit.
    package var mtu = 1500

    package init() {}
}

/// What is declared of one port of an interface, or of the whole interface when it is no bridge.
package struct MembershipPortConfiguration: Hashable, Sendable {
    /// Exactly one host is behind the port, so a leave needs no query.
    package var singleHost = false
    /// Only subscribers are behind the port: a query from there never wins the election. Switch it off where two
    /// routers share a link.
    package var queryGuard = true

    package init(singleHost: Bool = false, queryGuard: Bool = true) {
        self.singleHost = singleHost
        self.queryGuard = queryGuard
    }
}

/// How much state and work the hosts of one interface may cause.
package struct MembershipLimits: Hashable, Sendable {
    /// max-groups: groups on the interface.
    package var maxGroups = 16_384
    /// max-group-sources: sources of one host's record of one group.
    package var maxGroupSources = 32
    /// Host records of one group.
    package var maxHostsPerGroup = 4096
    /// Groups of one host.
    package var maxGroupsPerHost = 1024
    /// Host records of one port.
    package var maxMembershipsPerPort = 16_384
    /// Ports that packets come in on.
    package var maxPorts = 1024
    /// Messages a port may send a second, and at once; nil: as many as it likes.
    package var reportRate: ReportRate? = ReportRate()

    package init() {}
}

/// The token bucket of one port.
package struct ReportRate: Hashable, Sendable {
    package var messagesPerSecond: Int
    package var burst: Int

    package init(messagesPerSecond: Int = 1000, burst: Int = 2000) {
        self.messagesPerSecond = messagesPerSecond
        self.burst = burst
    }
}

/// A value outside its range: which one, and what it may be.
package struct MembershipConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The YANG name of the value.
    package let name: String
    package let allowed: String

    package var description: String { "\(name) must be \(allowed)" }
}

extension MembershipConfiguration {
    /// Throws on the first value out of its range; `MembershipInterface` takes only what passed.
    package func validate() throws(MembershipConfigurationError) {
        guard version != .v1 else { throw MembershipConfigurationError(name: "version", allowed: "2 or 3") }
        try Self.check("robustness-variable", robustnessVariable, in: 1...7)
        try Self.check("query-interval", queryInterval, in: .seconds(1)...(.seconds(31_744)))
        try Self.check(
            "query-max-response-time", queryMaxResponseTime, in: .milliseconds(100)...(.milliseconds(3_174_400)))
        guard queryMaxResponseTime < queryInterval else {
            throw MembershipConfigurationError(name: "query-max-response-time", allowed: "less than query-interval")
        }
        try Self.check(
            "last-member-query-interval", lastMemberQueryInterval, in: .milliseconds(100)...(.seconds(1023)))
        try Self.check("last-member-query-count", lastMemberQueryCount ?? 1, in: 1...10)
        try Self.check(
            "startup-query-interval", startupQueryInterval ?? .seconds(1), in: .milliseconds(100)...(.seconds(31_744)))
        try Self.check("startup-query-count", startupQueryCount ?? 1, in: 1...10)
        try Self.check("mtu", mtu, in: 68...65_535)
        try limits.validate()
    }

    static func check<Value: Comparable>(
        _ name: String, _ value: Value, in range: ClosedRange<Value>
    ) throws(MembershipConfigurationError) {
        guard range.contains(value) else {
            throw MembershipConfigurationError(name: name, allowed: "\(range.lowerBound) to \(range.upperBound)")
        }
    }
}

extension MembershipLimits {
    fileprivate func validate() throws(MembershipConfigurationError) {
        try MembershipConfiguration.check("max-groups", maxGroups, in: 1...1_000_000)
        try MembershipConfiguration.check("max-group-sources", maxGroupSources, in: 1...1024)
        try MembershipConfiguration.check("max-hosts-per-group", maxHostsPerGroup, in: 1...65_536)
        try MembershipConfiguration.check("max-groups-per-host", maxGroupsPerHost, in: 1...1_000_000)
        try MembershipConfiguration.check("max-memberships-per-port", maxMembershipsPerPort, in: 1...10_000_000)
        try MembershipConfiguration.check("max-ports", maxPorts, in: 1...65_536)
        guard let reportRate else { return }
        try MembershipConfiguration.check("report-rate", reportRate.messagesPerSecond, in: 1...10_000_000)
        try MembershipConfiguration.check("report-burst", reportRate.burst, in: 1...10_000_000)
    }
}
