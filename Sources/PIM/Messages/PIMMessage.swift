import Wire

/// A PIM version 2 message of a kind that source trees need (RFC 7761 §4.9).
///
///      0                   1                   2                   3
///     +-------+-------+---------------+-------------------------------+
///     |version| type  |   reserved    |           checksum            |
///     +-------+-------+---------------+-------------------------------+
package enum PIMMessage: Equatable, Sendable {
    case hello(Hello)
    case joinPrune(JoinPrune)
    case assert(Assert)

    private enum TypeCode {
        static let hello: UInt8 = 0
        static let joinPrune: UInt8 = 3
        static let assert: UInt8 = 5
    }

    /// The kinds that are sent to all PIM routers of a link with TTL 1; the rest may come by unicast from afar.
    static func isLinkLocal(typeCode: UInt8) -> Bool {
        [TypeCode.hello, TypeCode.joinPrune, TypeCode.assert].contains(typeCode)
    }

    /// Reads what follows the IP header. The checksum is the caller's to check: its rule depends on the family.
    package init(decoding payload: RawSpan, family: AddressFamily) throws(PIMError) {
        var reader = PIMReader(payload)
        let versionAndType = try reader.uint8()
        try reader.skip(3)  // reserved and checksum
        guard versionAndType >> 4 == 2 else { throw .wrongVersion }
        let body = try reader.window(reader.remaining)
        switch versionAndType & 0x0F {
        case TypeCode.hello: self = .hello(try Hello(body: body, family: family))
        case TypeCode.joinPrune: self = .joinPrune(try JoinPrune(body: body, family: family))
        case TypeCode.assert: self = .assert(try Assert(body: body, family: family))
        default: throw .unsupportedType
        }
    }

    private var typeCode: UInt8 {
        switch self {
        case .hello: TypeCode.hello
        case .joinPrune: TypeCode.joinPrune
        case .assert: TypeCode.assert
        }
    }

    /// The payload of an IPv4 packet, checksum included; the kernel writes the IP header.
    package func encodedForIPv4() -> [UInt8] {
        var writer = WireWriter(reservingCapacity: 64)
        writer.write(0x20 | typeCode)
        writer.writeZeros(3)
        switch self {
        case .hello(let hello): hello.write(to: &writer)
        case .joinPrune(let joinPrune): joinPrune.write(to: &writer)
        case .assert(let assert): assert.write(to: &writer)
        }
        writer.patch(internetChecksum(writer.bytes), at: 2)
        return writer.bytes
    }
}
