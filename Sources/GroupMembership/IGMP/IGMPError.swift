/// Why an IGMP packet, or one record of it, was refused; the raw value indexes counters, the description names them.
package enum IGMPError: UInt8, Error, CaseIterable, Sendable, CustomStringConvertible {
    case truncated
    case notIPv4
    case badHeaderLength
    case badTotalLength
    case badOptions
    case fragment
    case notIGMP
    case wrongTTL
    case missingRouterAlert
    case badChecksum
    case unknownType
    /// A query of 9 to 11 bytes belongs to no version (RFC 3376 §7.1).
    case badQueryLength
    case tooManyRecords
    case tooManySources
    case notMulticastGroup
    /// 224.0.0.0/24 is never routed, so nobody tracks its members.
    case linkLocalGroup
    case unicastDestination
    /// 0.0.0.0 wins no election, and no subscriber can be told by it.
    case unspecifiedSource
    /// Loopback, multicast or broadcast as a source.
    case invalidSource
    /// A record lists a source that no packet can come from.
    case invalidListedSource
    case offSubnetSource
    case ownAddressSpoofed
    /// A query came in on a port where only subscribers are.
    case queryGuard
    /// An IGMPv3 report where version 2 is configured.
    case versionNotEnabled

    package var description: String {
        switch self {
        case .truncated: "truncated"
        case .notIPv4: "not-ipv4"
        case .badHeaderLength: "bad-header-length"
        case .badTotalLength: "bad-total-length"
        case .badOptions: "bad-options"
        case .fragment: "fragment"
        case .notIGMP: "not-igmp"
        case .wrongTTL: "wrong-ttl"
        case .missingRouterAlert: "missing-router-alert"
        case .badChecksum: "bad-checksum"
        case .unknownType: "unknown-type"
        case .badQueryLength: "bad-query-length"
        case .tooManyRecords: "too-many-records"
        case .tooManySources: "too-many-sources"
        case .notMulticastGroup: "not-multicast-group"
        case .linkLocalGroup: "link-local-group"
        case .unicastDestination: "unicast-destination"
        case .unspecifiedSource: "unspecified-source"
        case .invalidSource: "invalid-source"
        case .invalidListedSource: "invalid-listed-source"
        case .offSubnetSource: "off-subnet-source"
        case .ownAddressSpoofed: "own-address-spoofed"
        case .queryGuard: "query-guard"
        case .versionNotEnabled: "version-not-enabled"
        }
    }
}
