/// A cursor over bytes that came from outside: big-endian, bounds-checked, never traps.
///
/// Every read either yields a value or throws `WireError`; after an error the cursor has not moved. This file holds the
/// only unchecked loads of the cores: each stands behind `require`.
@usableFromInline
package struct WireReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes consumed so far.
    @usableFromInline package internal(set) var offset = 0

    @_lifetime(copy bytes)
    @inlinable
    package init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// Bytes not yet consumed.
    @inlinable
    package var remaining: Int { bytes.byteCount - offset }

    @inlinable
    package var isAtEnd: Bool { remaining == 0 }

    @inlinable
    func require(_ count: Int) throws(WireError) {
        guard count >= 0, count <= remaining else {
            throw .truncated(offset: offset, needed: count, available: remaining)
        }
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func advance(by count: Int) {
        offset += count
    }

    @inlinable
    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int) throws(WireError) {
        try require(count)
        advance(by: count)
    }

    @inlinable
    @_lifetime(self: copy self)
    package mutating func readUInt8() throws(WireError) -> UInt8 {
        try require(1)
        // Safe: `require` proved that one byte is left at `offset`.
        let value = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self)
        advance(by: 1)
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    package mutating func readUInt16() throws(WireError) -> UInt16 {
        try require(2)
        // Safe: `require` proved that two bytes are left at `offset`.
        let value = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self)
        advance(by: 2)
        return UInt16(bigEndian: value)
    }

    @inlinable
    @_lifetime(self: copy self)
    package mutating func readUInt32() throws(WireError) -> UInt32 {
        try require(4)
        // Safe: `require` proved that four bytes are left at `offset`.
        let value = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)
        advance(by: 4)
        return UInt32(bigEndian: value)
    }

    @inlinable
    @_lifetime(self: copy self)
    package mutating func readUInt64() throws(WireError) -> UInt64 {
        try require(8)
        // Safe: `require` proved that eight bytes are left at `offset`.
        let value = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
        advance(by: 8)
        return UInt64(bigEndian: value)
    }

    /// The next `count` bytes, copied.
    @inlinable
    @_lifetime(self: copy self)
    package mutating func readBytes(_ count: Int) throws(WireError) -> [UInt8] {
        try require(count)
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in offset..<(offset + count) {
            copy.append(bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt8.self))
        }
        advance(by: count)
        return copy
    }

    /// A window on the next `count` bytes, not copied; it lives as long as the input does.
    @inlinable
    @_lifetime(copy self)
    package mutating func readSpan(_ count: Int) throws(WireError) -> RawSpan {
        try require(count)
        let window = bytes.extracting(offset..<(offset + count))
        advance(by: count)
        return window
    }

    /// Everything not yet consumed, without consuming it.
    @inlinable
    package var rest: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(offset..<bytes.byteCount) }
    }
}
