/// An IPv4 address, ordered as a number.
package struct IPv4Address: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Host byte order: 10.0.0.1 is 0x0A000001.
    package var rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        rawValue = UInt32(first) << 24 | UInt32(second) << 16 | UInt32(third) << 8 | UInt32(fourth)
    }

    /// Reads strict dotted decimal: four numbers 0–255, no leading zeros, nothing else.
    package init?(_ text: some StringProtocol) {
        var value: UInt32 = 0
        var parts = 0
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let number = UInt8(part)
            else { return nil }
            parts += 1
            guard parts <= 4 else { return nil }
            value = value << 8 | UInt32(number)
        }
        guard parts == 4 else { return nil }
        rawValue = value
    }

    package static let unspecified = IPv4Address(rawValue: 0)
    package static let allHosts = IPv4Address(224, 0, 0, 1)
    package static let allRouters = IPv4Address(224, 0, 0, 2)
    package static let allPIMRouters = IPv4Address(224, 0, 0, 13)
    package static let allIGMPv3Routers = IPv4Address(224, 0, 0, 22)

    package var isUnspecified: Bool { rawValue == 0 }
    package var isLoopback: Bool { rawValue >> 24 == 127 }
    package var isMulticast: Bool { rawValue >> 28 == 0xE }
    /// 224.0.0.0/24, never forwarded by a router (RFC 5771 §4).
    package var isLinkLocalMulticast: Bool { rawValue >> 8 == 0xE0_00_00 }
    /// 232.0.0.0/8 (RFC 4607 §1).
    package var isSourceSpecificMulticast: Bool { rawValue >> 24 == 232 }
    /// 0/8, 127/8, 224/3: never the source of a packet from a neighbour.
    package var isUsableUnicast: Bool { rawValue >> 24 != 0 && !isLoopback && rawValue >> 29 != 0b111 }

    package static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.rawValue < right.rawValue }

    package var description: String {
        "\(rawValue >> 24).\(rawValue >> 16 & 0xFF).\(rawValue >> 8 & 0xFF).\(rawValue & 0xFF)"
    }
}
