import Wire

/// An IGMP message of any version (RFC 1112 appendix I, RFC 2236 §2, RFC 3376 §4).
package enum IGMPMessage: Hashable, Sendable {
    case query(IGMPQuery)
    case v1Report(group: IPv4Address)
    case v2Report(group: IPv4Address)
    case leave(group: IPv4Address)
    case v3Report(IGMPv3Report)

    /// More group records or sources in one message are refused; a jumbo frame of 9,000 bytes carries about 1,100
    /// records or 2,200 sources.
    package static let maxRecords = 4096
    package static let maxSources = 4096
}

/// The first byte of an IGMP message.
enum IGMPType {
    static let query: UInt8 = 0x11
    static let v1Report: UInt8 = 0x12
    static let v2Report: UInt8 = 0x16
    static let leave: UInt8 = 0x17
    static let v3Report: UInt8 = 0x22
}

/// An IGMPv3 report; records of a type nobody defined are left out and counted (RFC 3376 §4.2.12).
package struct IGMPv3Report: Hashable, Sendable {
    package var records: [MembershipRecord]
    package var unknownRecords: Int

    package init(records: [MembershipRecord], unknownRecords: Int = 0) {
        self.records = records
        self.unknownRecords = unknownRecords
    }
}

/// A membership query.
package struct IGMPQuery: Hashable, Sendable {
    package var version: MembershipVersion
    /// 0.0.0.0 in a general query.
    package var group: IPv4Address
    /// In tenths of a second; zero in version 1, where hosts take ten seconds.
    package var maxResponseTime: Int
    /// The S flag: other routers keep their timers (RFC 3376 §4.1.5). Version 3 only, like everything below.
    package var suppressesRouterSideProcessing: Bool
    /// 0...7; zero says that the querier's value is larger than 7.
    package var robustnessVariable: Int
    /// In seconds.
    package var queryInterval: Int
    package var sources: [IPv4Address]

    package init(
        version: MembershipVersion, group: IPv4Address = .unspecified, maxResponseTime: Int,
        suppressesRouterSideProcessing: Bool = false, robustnessVariable: Int = 0, queryInterval: Int = 0,
        sources: [IPv4Address] = []
    ) {
        self.version = version
        self.group = group
        self.maxResponseTime = maxResponseTime
        self.suppressesRouterSideProcessing = suppressesRouterSideProcessing
        self.robustnessVariable = robustnessVariable
        self.queryInterval = queryInterval
        self.sources = sources
    }

    package var isGeneral: Bool { group.isUnspecified }
}
