/// The eight-bit code of Max Resp Code and QQIC: a number below 128, or a 4-bit mantissa with a 3-bit exponent
/// (RFC 3376 §4.1.1 and §4.1.7).
package struct FloatingPointCode: Equatable, Sendable {
    package let rawValue: UInt8

    /// What code 255 stands for.
    package static let largestValue = 31_744

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The largest code that stands for at most `value`; negative numbers and numbers too large are clamped.
    package init(value: Int) {
        let value = min(max(value, 0), Self.largestValue)
        guard value >= 128 else {
            rawValue = UInt8(truncatingIfNeeded: value)
            return
        }
        var exponent = 0
        while value >> (exponent + 3) > 0x1F { exponent += 1 }
        let mantissa = (value >> (exponent + 3)) & 0xF
        rawValue = UInt8(truncatingIfNeeded: 0x80 | exponent << 4 | mantissa)
    }

    package var value: Int {
        guard rawValue >= 128 else { return Int(rawValue) }
        return (Int(rawValue & 0xF) | 0x10) << (Int(rawValue >> 4 & 0x7) + 3)
    }
}
