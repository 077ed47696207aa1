/// Builds a message in network byte order.
///
/// Lengths and counts are checked by whoever builds the message; `patch` overwrites what was written before, which is
/// how checksums and lengths that are known last get in.
@usableFromInline
package struct WireWriter {
    @usableFromInline package private(set) var bytes: [UInt8]

    @inlinable
    package init(reservingCapacity capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable
    package var count: Int { bytes.count }

    @usableFromInline
    mutating func push(_ byte: UInt8) {
        bytes.append(byte)
    }

    @inlinable
    package mutating func write(_ value: UInt8) {
        push(value)
    }

    @inlinable
    package mutating func write(_ value: UInt16) {
        push(UInt8(truncatingIfNeeded: value >> 8))
        push(UInt8(truncatingIfNeeded: value))
    }

    @inlinable
    package mutating func write(_ value: UInt32) {
        write(UInt16(truncatingIfNeeded: value >> 16))
        write(UInt16(truncatingIfNeeded: value))
    }

    @inlinable
    package mutating func write(_ value: UInt64) {
        write(UInt32(truncatingIfNeeded: value >> 32))
        write(UInt32(truncatingIfNeeded: value))
    }

    package mutating func write(_ address: IPv4Address) {
        write(address.rawValue)
    }

    package mutating func write(_ address: IPv6Address) {
        write(address.high)
        write(address.low)
    }

    package mutating func write(contentsOf other: [UInt8]) {
        bytes.append(contentsOf: other)
    }

    package mutating func writeZeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    /// Overwrites two bytes at `offset`, which must have been written already.
    package mutating func patch(_ value: UInt16, at offset: Int) {
        precondition(offset >= 0 && offset + 2 <= bytes.count, "patch outside what was written")
        bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}
