import Wire

/// The address family numbers of encoded addresses (RFC 7761 §4.9.1, IANA "Address Family Numbers").
package enum AddressFamily: UInt8, Sendable {
    case ipv4 = 1
    case ipv6 = 2

    /// How long a prefix of one address is.
    var hostPrefixLength: UInt8 { self == .ipv4 ? 32 : 128 }
}

extension IPAddress {
    var family: AddressFamily {
        switch self {
        case .v4: .ipv4
        case .v6: .ipv6
        }
    }
}

/// A group range of a Join/Prune or Assert (RFC 7761 §4.9.1, Encoded-Group).
package struct EncodedGroup: Equatable, Sendable {
    package var address: IPAddress
    package var maskLength: UInt8
    /// The B bit: the group uses bidirectional PIM.
    package var isBidirectional = false

    package init(_ address: IPAddress) {
        self.address = address
        maskLength = address.family.hostPrefixLength
    }

    /// The one group this range holds.
    func group() throws(PIMError) -> IPAddress {
        guard !isBidirectional else { throw .bidirectionalUnsupported }
        guard maskLength == address.family.hostPrefixLength else { throw .badMaskLength }
        guard address.isMulticast else { throw .notMulticast }
        if let address = address.v4, address.isLinkLocalMulticast { throw .linkLocalGroup }
        return address
    }
}

/// A source of a Join/Prune with its flags (RFC 7761 §4.9.1, Encoded-Source).
package struct EncodedSource: Equatable, Sendable {
    package var address: IPAddress
    package var maskLength: UInt8
    /// The S bit, set by every sparse-mode router.
    package var isSparse = true
    /// The W bit: the entry is for (*,G) and the address is the RP's.
    package var isWildcard = false
    /// The R bit: the entry is sent towards the RP.
    package var isSharedTree = false

    package init(_ address: IPAddress) {
        self.address = address
        maskLength = address.family.hostPrefixLength
    }

    /// The one source of a source tree this entry names.
    func source() throws(PIMError) -> IPAddress {
        guard !isWildcard, !isSharedTree else { throw .sharedTreeUnsupported }
        guard maskLength == address.family.hostPrefixLength else { throw .badMaskLength }
        switch address {
        case .v4(let address): guard address.isUsableUnicast else { throw .unusableSource }
        case .v6(let address):
            guard !address.isMulticast, !address.isUnspecified, !address.isLoopback, !address.isLinkLocal else {
                throw .unusableSource
            }
        }
        return address
    }
}

extension PIMReader {
    /// Reads family and encoding type; every address of a message is of its packet's family.
    @_lifetime(self: copy self)
    private mutating func addressHeader(_ family: AddressFamily) throws(PIMError) {
        let number = try uint8()
        let encoding = try uint8()
        guard number == family.rawValue else { throw .unsupportedFamily }
        guard encoding == 0 else { throw .unsupportedEncoding }
    }

    @_lifetime(self: copy self)
    mutating func address(_ family: AddressFamily) throws(PIMError) -> IPAddress {
        switch family {
        case .ipv4: return .v4(IPv4Address(rawValue: try uint32()))
        case .ipv6: return .v6(IPv6Address(high: try uint64(), low: try uint64()))
        }
    }

    @_lifetime(self: copy self)
    mutating func encodedUnicast(_ family: AddressFamily) throws(PIMError) -> IPAddress {
        try addressHeader(family)
        return try address(family)
    }

    @_lifetime(self: copy self)
    mutating func encodedGroup(_ family: AddressFamily) throws(PIMError) -> EncodedGroup {
        try addressHeader(family)
        let flags = try uint8()
        let maskLength = try uint8()
        var group = EncodedGroup(try address(family))
        group.maskLength = maskLength
        group.isBidirectional = flags & 0x80 != 0
        return group
    }

    @_lifetime(self: copy self)
    mutating func encodedSource(_ family: AddressFamily) throws(PIMError) -> EncodedSource {
        try addressHeader(family)
        let flags = try uint8()
        let maskLength = try uint8()
        var source = EncodedSource(try address(family))
        source.maskLength = maskLength
        source.isSparse = flags & 0x04 != 0
        source.isWildcard = flags & 0x02 != 0
        source.isSharedTree = flags & 0x01 != 0
        return source
    }
}

extension WireWriter {
    mutating func write(_ address: IPAddress) {
        switch address {
        case .v4(let address): write(address)
        case .v6(let address): write(address)
        }
    }

    mutating func write(encodedUnicast address: IPAddress) {
        write(address.family.rawValue)
        write(UInt8(0))
        write(address)
    }

    mutating func write(_ group: EncodedGroup) {
        write(group.address.family.rawValue)
        write(UInt8(0))
        write(UInt8(group.isBidirectional ? 0x80 : 0))
        write(group.maskLength)
        write(group.address)
    }

    mutating func write(_ source: EncodedSource) {
        write(source.address.family.rawValue)
        write(UInt8(0))
        write(UInt8((source.isSparse ? 0x04 : 0) | (source.isWildcard ? 0x02 : 0) | (source.isSharedTree ? 0x01 : 0)))
        write(source.maskLength)
        write(source.address)
    }
}
