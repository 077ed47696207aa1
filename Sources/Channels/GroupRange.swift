import Wire

/// The groups of a prefix that may be given out, by number.
struct GroupRange: Hashable, Sendable {
    /// Larger pools are not scanned further than this.
    static let maximumCount: UInt32 = 1 << 24

    private let first: IPAddress
    /// How many groups the range spans, unusable ones included.
    let count: UInt32

    init(_ prefix: IPPrefix) {
        switch prefix.address {
        case .v4:
            first = prefix.address
            count = prefix.length <= 8 ? Self.maximumCount : 1 << UInt32(32 - prefix.length)
        case .v6(let address):
            // RFC 4607 §1: hosts give out group identifiers from 0x8000_0000 only.
            let start = IPv6Address(high: address.high, low: prefix.length <= 96 ? address.low | 1 << 31 : address.low)
            first = .v6(start)
            let isUsable = start.low & 1 << 31 != 0
            count = isUsable ? (prefix.length <= 104 ? Self.maximumCount : 1 << UInt32(128 - prefix.length)) : 0
        }
    }

    /// The group with `number`, which is below `count`; nil when it must not be given out.
    subscript(number: UInt32) -> IPAddress? {
        switch first {
        case .v4(let address):
            let group = IPv4Address(rawValue: address.rawValue &+ number)
            return Self.isFlooded(group) ? nil : .v4(group)
        case .v6(let address):
            return .v6(IPv6Address(high: address.high, low: address.low &+ UInt64(number)))
        }
    }

    /// Groups whose Ethernet address is one of 224.0.0.0/24's (RFC 1112 §6.4) reach every port of a switch that snoops
    /// (RFC 4541 §2.1.2). 232.0.0.0/24, reserved by RFC 4607 §1, is among them.
    private static func isFlooded(_ group: IPv4Address) -> Bool {
        group.rawValue & 0x7F_FFFF < 256
    }
}
