import Wire

/// The six kinds of group record (RFC 3376 §4.2.12, RFC 3810 §5.2.12); the raw value is the one on the wire.
package enum MembershipRecordType: UInt8, CaseIterable, Sendable {
    case modeIsInclude = 1
    case modeIsExclude
    case changeToIncludeMode
    case changeToExcludeMode
    case allowNewSources
    case blockOldSources
}

/// What one report says about one group.
package struct MembershipRecord: Hashable, Sendable {
    package var type: MembershipRecordType
    package var group: IPAddress
    /// As received: in any order, perhaps with repetitions.
    package var sources: [IPAddress]

    package init(_ type: MembershipRecordType, group: IPAddress, sources: [IPAddress] = []) {
        self.type = type
        self.group = group
        self.sources = sources
    }
}
