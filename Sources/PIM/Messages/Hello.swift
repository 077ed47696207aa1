import Wire

/// The LAN Prune Delay option (RFC 7761 §4.9.2): how long a link's routers need to hear and to answer a prune.
package struct LANPruneDelay: Equatable, Sendable {
    /// The T bit: the sender can go without join suppression.
    package var canDisableJoinSuppression: Bool
    /// Milliseconds, 15 bits.
    package var propagationDelay: UInt16
    /// Milliseconds.
    package var overrideInterval: UInt16

    package init(canDisableJoinSuppression: Bool, propagationDelay: UInt16, overrideInterval: UInt16) {
        self.canDisableJoinSuppression = canDisableJoinSuppression
        self.propagationDelay = min(propagationDelay, 0x7FFF)
        self.overrideInterval = overrideInterval
    }
}

/// A Hello (RFC 7761 §4.9.2). An option that was absent is nil; options this router does not know were skipped.
///
///      0                   1                   2                   3
///     +---------------+---------------+-------------------------------+
///     |          option type          |         option length         |
///     +---------------+---------------+-------------------------------+
///     |  1 holdtime · 2 LAN prune delay · 19 DR priority · 20 GenID · 24 address list  …
package struct Hello: Equatable, Sendable {
    /// Seconds; 0 is a goodbye, 0xFFFF means the neighbour never times out.
    package var holdtime: UInt16?
    package var lanPruneDelay: LANPruneDelay?
    package var drPriority: UInt32?
    package var generationID: UInt32?
    /// The sender's other addresses of the packet's family.
    package var secondaryAddresses: [IPAddress] = []

    package static let holdtimeForever: UInt16 = 0xFFFF
    /// Further addresses of one Hello are ignored.
    package static let maximumSecondaryAddresses = 32

    private enum OptionType {
        static let holdtime: UInt16 = 1
        static let lanPruneDelay: UInt16 = 2
        static let drPriority: UInt16 = 19
        static let generationID: UInt16 = 20
        static let addressList: UInt16 = 24
    }

    package init() {}

    init(body: RawSpan, family: AddressFamily) throws(PIMError) {
        var reader = PIMReader(body)
        while !reader.isAtEnd {
            let type = try reader.uint16()
            let length = Int(try reader.uint16())
            try readOption(type, try reader.window(length), family)
        }
    }

    private mutating func readOption(_ type: UInt16, _ value: RawSpan, _ family: AddressFamily) throws(PIMError) {
        var reader = PIMReader(value)
        switch type {
        case OptionType.holdtime:
            guard value.byteCount == 2 else { throw .badOptionLength }
            holdtime = try reader.uint16()
        case OptionType.lanPruneDelay:
            guard value.byteCount == 4 else { throw .badOptionLength }
            let delay = try reader.uint16()
            lanPruneDelay = LANPruneDelay(
                canDisableJoinSuppression: delay & 0x8000 != 0, propagationDelay: delay & 0x7FFF,
                overrideInterval: try reader.uint16())
        case OptionType.drPriority:
            guard value.byteCount == 4 else { throw .badOptionLength }
            drPriority = try reader.uint32()
        case OptionType.generationID:
            guard value.byteCount == 4 else { throw .badOptionLength }
            generationID = try reader.uint32()
        case OptionType.addressList:
            secondaryAddresses = try Self.readAddressList(value, family)
        default: break  // RFC 7761 §4.9.2: unknown options are ignored
        }
    }

    /// Addresses of the other family are skipped; a family of unknown length ends the list, as nobody could find the
    /// next address behind it.
    private static func readAddressList(_ list: RawSpan, _ family: AddressFamily) throws(PIMError) -> [IPAddress] {
        var reader = PIMReader(list)
        var addresses: [IPAddress] = []
        while !reader.isAtEnd, addresses.count < maximumSecondaryAddresses {
            let number = try reader.uint8()
            let encoding = try reader.uint8()
            guard let listed = AddressFamily(rawValue: number), encoding == 0 else { break }
            let address = try reader.address(listed)
            if listed == family, !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }

    func write(to writer: inout WireWriter) {
        if let holdtime {
            writer.write(OptionType.holdtime)
            writer.write(UInt16(2))
            writer.write(holdtime)
        }
        if let lanPruneDelay {
            writer.write(OptionType.lanPruneDelay)
            writer.write(UInt16(4))
            writer.write((lanPruneDelay.canDisableJoinSuppression ? 0x8000 : 0) | lanPruneDelay.propagationDelay)
            writer.write(lanPruneDelay.overrideInterval)
        }
        write(OptionType.drPriority, drPriority, to: &writer)
        write(OptionType.generationID, generationID, to: &writer)
        if !secondaryAddresses.isEmpty {
            writer.write(OptionType.addressList)
            let lengthOffset = writer.count
            writer.write(UInt16(0))
            for address in secondaryAddresses.prefix(Self.maximumSecondaryAddresses) {
                writer.write(encodedUnicast: address)
            }
            writer.patch(UInt16(writer.count - lengthOffset - 2), at: lengthOffset)
        }
    }

    private func write(_ type: UInt16, _ value: UInt32?, to writer: inout WireWriter) {
        guard let value else { return }
        writer.write(type)
        writer.write(UInt16(4))
        writer.write(value)
    }
}
