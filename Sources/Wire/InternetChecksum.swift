/// The Internet checksum (RFC 1071) of `bytes`; zero when `bytes` include a correct checksum field.
/// - Parameter sum: the 16-bit words of a pseudo header, added up.
package func internetChecksum(_ bytes: RawSpan, adding sum: UInt32 = 0) -> UInt16 {
    var sum = UInt64(sum)
    var offset = 0
    let count = bytes.byteCount
    while offset + 4 <= count {
        // Safe: the loop's condition leaves four bytes at `offset`.
        sum &+= UInt64(UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)))
        offset += 4
    }
    while offset < count {
        let byte = UInt64(bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self))
        sum &+= offset.isMultiple(of: 2) ? byte << 8 : byte
        offset += 1
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xFFFF) &+ (sum >> 16)
    }
    return ~UInt16(truncatingIfNeeded: sum)
}

package func internetChecksum(_ bytes: [UInt8]) -> UInt16 {
    internetChecksum(bytes.span.bytes)
}
