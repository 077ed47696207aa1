/// A network prefix such as 10.3.0.0/16; host bits are zero.
package struct IPPrefix: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let address: IPAddress
    /// 0...32 for IPv4, 0...128 for IPv6.
    package let length: Int

    /// Clears the host bits; nil when `length` does not fit the family.
    package init?(_ address: IPAddress, length: Int) {
        switch address {
        case .v4(let v4):
            guard (0...32).contains(length) else { return nil }
            self.address = .v4(IPv4Address(rawValue: v4.rawValue & Self.mask32(length)))
        case .v6(let v6):
            guard (0...128).contains(length) else { return nil }
            self.address = .v6(
                IPv6Address(
                    high: v6.high & Self.mask64(min(length, 64)), low: v6.low & Self.mask64(max(length - 64, 0))))
        }
        self.length = length
    }

    /// Reads `address/length`, or an address alone as a host prefix.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        let full = address.v4 == nil ? 128 : 32
        switch parts.count {
        case 1: self.init(address, length: full)
        case 2:
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]) else {
                return nil
            }
            self.init(address, length: length)
        default: return nil
        }
    }

    private static func mask32(_ length: Int) -> UInt32 { length == 0 ? 0 : ~0 << (32 - length) }
    private static func mask64(_ length: Int) -> UInt64 { length == 0 ? 0 : ~0 << (64 - length) }

    package func contains(_ other: IPAddress) -> Bool {
        switch (address, other) {
        case (.v4(let mine), .v4(let theirs)):
            return theirs.rawValue & Self.mask32(length) == mine.rawValue
        case (.v6(let mine), .v6(let theirs)):
            return theirs.high & Self.mask64(min(length, 64)) == mine.high
                && theirs.low & Self.mask64(max(length - 64, 0)) == mine.low
        case (.v4, .v6), (.v6, .v4):
            return false
        }
    }

    package static func < (left: IPPrefix, right: IPPrefix) -> Bool {
        (left.address, left.length) < (right.address, right.length)
    }

    package var description: String { "\(address)/\(length)" }
}

extension Sequence {
    /// The element with the longest prefix that holds `address`; the first one wins a tie.
    package func longestMatch(for address: IPAddress, prefixes: (Element) -> [IPPrefix]) -> Element? {
        var best: (element: Element, length: Int)?
        for element in self {
            for prefix in prefixes(element) where prefix.contains(address) && prefix.length > (best?.length ?? -1) {
                best = (element, prefix.length)
            }
        }
        return best?.element
    }
}
