/// A 48-bit link-layer address.
package struct MACAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The six bytes as the low 48 bits, first byte highest.
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue & 0xFFFF_FFFF_FFFF
    }

    /// Reads six pairs of hexadecimal digits with colons between them.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        var value: UInt64 = 0
        for part in parts {
            guard part.utf8.count == 2, part.first != "+", part.first != "-", let byte = UInt8(part, radix: 16) else {
                return nil
            }
            value = value << 8 | UInt64(byte)
        }
        rawValue = value
    }

    package static func < (left: MACAddress, right: MACAddress) -> Bool { left.rawValue < right.rawValue }

    package var description: String {
        [40, 32, 24, 16, 8, 0].map { shift in
            let byte = String(rawValue >> UInt64(shift) & 0xFF, radix: 16)
            return byte.count == 1 ? "0\(byte)" : byte
        }.joined(separator: ":")
    }
}
