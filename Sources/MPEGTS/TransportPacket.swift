/// One transport packet in place (ISO/IEC 13818-1 §2.4.3.2); holds no copy.
///
/// This file holds the module's only unchecked loads: `init` proves that 188 bytes are there, and every offset below is
/// checked against that length.
@usableFromInline
package struct TransportPacket: ~Escapable {
    package static let size = 188
    package static let syncByte: UInt8 = 0x47
    package static let nullPID: UInt16 = 0x1FFF
    package static let pidCount = 8192

    @usableFromInline let bytes: RawSpan
    @usableFromInline let header: UInt32

    /// Nil unless `bytes` are exactly one packet that begins with the sync byte.
    @inlinable
    @_lifetime(copy bytes)
    package init?(_ bytes: RawSpan) {
        guard bytes.byteCount == 188 else { return nil }
        let header = UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: UInt32.self))
        guard header >> 24 == 0x47 else { return nil }
        self.bytes = bytes
        self.header = header
    }

    @inlinable
    func byte(_ offset: Int) -> UInt8 {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    @inlinable package var pid: UInt16 { UInt16(truncatingIfNeeded: header >> 8) & 0x1FFF }
    @inlinable package var isNull: Bool { pid == 0x1FFF }
    /// transport_error_indicator: a demodulator found it damaged.
    @inlinable package var hasError: Bool { header & 0x80_0000 != 0 }
    /// payload_unit_start_indicator.
    @inlinable package var startsUnit: Bool { header & 0x40_0000 != 0 }
    @inlinable package var isScrambled: Bool { header & 0xC0 != 0 }
    @inlinable package var hasAdaptationField: Bool { header & 0x20 != 0 }
    @inlinable package var hasPayload: Bool { header & 0x10 != 0 }
    @inlinable package var continuityCounter: UInt8 { UInt8(truncatingIfNeeded: header) & 0x0F }

    /// The adaptation field's flags; zero when it has none or its length is impossible.
    @inlinable
    var adaptationFlags: UInt8 {
        guard hasAdaptationField else { return 0 }
        let length = byte(4)
        return length >= 1 && length <= 183 ? byte(5) : 0
    }

    /// discontinuity_indicator.
    @inlinable package var isDiscontinuous: Bool { adaptationFlags & 0x80 != 0 }
    /// random_access_indicator.
    @inlinable package var isRandomAccess: Bool { adaptationFlags & 0x40 != 0 }

    @inlinable
    package var clockReference: ProgramClockReference? {
        guard adaptationFlags & 0x10 != 0, byte(4) >= 7 else { return nil }
        let high = UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: 6, as: UInt32.self))
        let low = UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: 10, as: UInt16.self))
        let base = Int64(high) << 1 | Int64(low >> 15)
        return ProgramClockReference(ticks: base * 300 + Int64(low & 0x1FF))
    }

    /// What follows the header and the adaptation field; empty when there is no payload.
    package var payload: RawSpan {
        @_lifetime(copy self)
        get {
            guard hasPayload else { return bytes.extracting(188..<188) }
            let start = hasAdaptationField ? min(5 + Int(byte(4)), 188) : 4
            return bytes.extracting(start..<188)
        }
    }
}

/// A moment of a programme's 27 MHz clock (ISO/IEC 13818-1 §2.4.3.5); wraps after some 26.5 hours.
@usableFromInline
package struct ProgramClockReference: Hashable, Sendable {
    package static let frequency: Int64 = 27_000_000
    /// 33 bits at 90 kHz, times 300.
    package static let modulus: Int64 = (1 << 33) * 300

    @usableFromInline package let ticks: Int64

    @inlinable
    package init(ticks: Int64) {
        self.ticks = ticks
    }

    /// Ticks from `earlier` to `later` the short way round; negative when the clock went back.
    package static func - (later: ProgramClockReference, earlier: ProgramClockReference) -> Int64 {
        var difference = (later.ticks - earlier.ticks) % modulus
        if difference > modulus / 2 { difference -= modulus }
        if difference < -modulus / 2 { difference += modulus }
        return difference
    }

    package static func nanoseconds(fromTicks ticks: Int64) -> Int64 { ticks * 1000 / 27 }

    /// The six bytes of the adaptation field.
    package var encoded: [UInt8] {
        let wrapped = (ticks % Self.modulus + Self.modulus) % Self.modulus
        let (base, extended) = (wrapped / 300, wrapped % 300)
        return [
            UInt8(truncatingIfNeeded: base >> 25), UInt8(truncatingIfNeeded: base >> 17),
            UInt8(truncatingIfNeeded: base >> 9), UInt8(truncatingIfNeeded: base >> 1),
            UInt8(truncatingIfNeeded: base << 7) & 0x80 | 0x7E | UInt8(truncatingIfNeeded: extended >> 8),
            UInt8(truncatingIfNeeded: extended),
        ]
    }
}
