/// Why a packet, or one entry of a packet, was refused. Each reason has a counter per interface (`PIMCounters`).
package enum PIMError: Int, Error, CaseIterable, Sendable, CustomStringConvertible {
    // The packet around the message
    case truncated
    case notIPv4
    case badHeaderLength
    case badTotalLength
    case fragmented
    case wrongProtocol
    case wrongTTL
    case wrongDestination
    // The message
    case wrongVersion
    case badChecksum
    case unsupportedType
    case badOptionLength
    case unsupportedFamily
    case unsupportedEncoding
    // The sender
    case unusableSender
    case ownAddress
    case offSubnet
    case neighborNotAllowed
    case notANeighbor
    // One entry; the rest of its message is still used
    case badMaskLength
    case notMulticast
    case linkLocalGroup
    case unusableSource
    case sharedTreeUnsupported
    case bidirectionalUnsupported
    case zeroHoldtime
    case secondaryAddressConflict
    case assertIgnored
    // Limits
    case tooManyNeighbors
    case tooManyEntries
    case tooManyEntriesOverall

    /// The counter's name, for `--json`, metrics and logs.
    package var reason: String {
        switch self {
        case .truncated: "truncated"
        case .notIPv4: "not-ipv4"
        case .badHeaderLength: "bad-header-length"
        case .badTotalLength: "bad-total-length"
        case .fragmented: "fragmented"
        case .wrongProtocol: "wrong-protocol"
        case .wrongTTL: "wrong-ttl"
        case .wrongDestination: "wrong-destination"
        case .wrongVersion: "wrong-version"
        case .badChecksum: "bad-checksum"
        case .unsupportedType: "unsupported-type"
        case .badOptionLength: "bad-option-length"
        case .unsupportedFamily: "unsupported-family"
        case .unsupportedEncoding: "unsupported-encoding"
        case .unusableSender: "unusable-sender"
        case .ownAddress: "own-address"
        case .offSubnet: "off-subnet"
        case .neighborNotAllowed: "neighbor-not-allowed"
        case .notANeighbor: "not-a-neighbor"
        case .badMaskLength: "bad-mask-length"
        case .notMulticast: "not-multicast"
        case .linkLocalGroup: "link-local-group"
        case .unusableSource: "unusable-source"
        case .sharedTreeUnsupported: "shared-tree-unsupported"
        case .bidirectionalUnsupported: "bidirectional-unsupported"
        case .zeroHoldtime: "zero-holdtime"
        case .secondaryAddressConflict: "secondary-address-conflict"
        case .assertIgnored: "assert-ignored"
        case .tooManyNeighbors: "too-many-neighbors"
        case .tooManyEntries: "too-many-entries"
        case .tooManyEntriesOverall: "too-many-entries-overall"
        }
    }

    /// One sentence for a person.
    package var description: String {
        switch self {
        case .truncated: "the packet ends inside a field"
        case .notIPv4: "not an IPv4 packet"
        case .badHeaderLength: "the IP header is shorter than 20 bytes or longer than the packet"
        case .badTotalLength: "the IP total length does not fit the header and the bytes received"
        case .fragmented: "an IP fragment"
        case .wrongProtocol: "IP protocol is not 103"
        case .wrongTTL: "TTL of a link-local message is not 1"
        case .wrongDestination: "a link-local message that was not sent to 224.0.0.13"
        case .wrongVersion: "PIM version is not 2"
        case .badChecksum: "the PIM checksum is wrong"
        case .unsupportedType: "a PIM message type that source trees do not need"
        case .badOptionLength: "a Hello option has another length than its definition"
        case .unsupportedFamily: "an encoded address is of another family than its packet"
        case .unsupportedEncoding: "an encoded address is not in native encoding"
        case .unusableSender: "the sender's address is not usable as a neighbour's"
        case .ownAddress: "the sender uses one of our own addresses"
        case .offSubnet: "the sender is not on a subnet of the interface"
        case .neighborNotAllowed: "the sender is not among the trusted neighbours"
        case .notANeighbor: "no Hello was heard from the sender"
        case .badMaskLength: "a group or source prefix instead of a single address"
        case .notMulticast: "the group is not a multicast address"
        case .linkLocalGroup: "the group is never forwarded by a router"
        case .unusableSource: "the source is not a usable unicast address"
        case .sharedTreeUnsupported: "a (*,G) or (S,G,rpt) entry: only source trees are supported"
        case .bidirectionalUnsupported: "a bidirectional group: only source trees are supported"
        case .zeroHoldtime: "a join that has expired when it arrives"
        case .secondaryAddressConflict: "a secondary address that belongs to another router"
        case .assertIgnored: "an Assert, which this router does not act on"
        case .tooManyNeighbors: "the interface has max-neighbors neighbours already"
        case .tooManyEntries: "the interface has max-entries downstream entries already"
        case .tooManyEntriesOverall: "the router has its maximum of downstream entries already"
        }
    }
}
