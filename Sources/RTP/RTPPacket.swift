import Wire

/// Why a datagram is not an RTP packet we can use (RFC 3550 §5.1).
package enum RTPError: Error, Hashable, Sendable {
    case truncated
    case wrongVersion(UInt8)
    /// The header extension or the padding is longer than the datagram.
    case badLength
}

/// The fixed part of an RTP header (RFC 3550 §5.1).
@usableFromInline
package struct RTPHeader: Hashable, Sendable {
    package static let size = 12

    package var marker: Bool
    package var payloadType: UInt8
    package var sequence: UInt16
    package var timestamp: UInt32
    package var ssrc: UInt32

    package init(marker: Bool = false, payloadType: UInt8, sequence: UInt16, timestamp: UInt32, ssrc: UInt32) {
        self.marker = marker
        self.payloadType = payloadType & 0x7F
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
    }

    /// Writes the twelve bytes of a header without contributing sources, extension or padding; they must be there.
    package func write(into buffer: inout [UInt8], at offset: Int) {
        precondition(offset >= 0 && offset + Self.size <= buffer.count, "no room for a header")
        buffer[offset] = 0x80
        buffer[offset + 1] = (marker ? 0x80 : 0) | payloadType
        buffer[offset + 2] = UInt8(truncatingIfNeeded: sequence >> 8)
        buffer[offset + 3] = UInt8(truncatingIfNeeded: sequence)
        for index in 0..<4 {
            let shift = UInt32(24 - 8 * index)
            buffer[offset + 4 + index] = UInt8(truncatingIfNeeded: timestamp >> shift)
            buffer[offset + 8 + index] = UInt8(truncatingIfNeeded: ssrc >> shift)
        }
    }
}

/// A received RTP packet in place: its header, and its payload without extension and padding.
package struct RTPPacket: ~Escapable {
    package let header: RTPHeader
    package let payload: RawSpan

    @_lifetime(copy bytes)
    package init(decoding bytes: RawSpan) throws(RTPError) {
        do {
            var reader = WireReader(bytes)
            let first = try reader.readUInt8()
            guard first >> 6 == 2 else { throw RTPError.wrongVersion(first >> 6) }
            let second = try reader.readUInt8()
            header = RTPHeader(
                marker: second & 0x80 != 0, payloadType: second & 0x7F, sequence: try reader.readUInt16(),
                timestamp: try reader.readUInt32(), ssrc: try reader.readUInt32())
            var body = reader.rest
            // Contributing sources, then an extension with its length in words.
            var start = Int(first & 0x0F) * 4
            if first & 0x10 != 0 {
                try reader.skip(start + 2)
                start += 4 + Int(try reader.readUInt16()) * 4
            }
            var end = body.byteCount
            if first & 0x20 != 0 {
                var last = WireReader(bytes)
                try last.skip(bytes.byteCount - 1)
                let padding = Int(try last.readUInt8())
                guard padding > 0 else { throw RTPError.badLength }
                end -= padding
            }
            guard start <= end else { throw RTPError.badLength }
            body = body.extracting(start..<end)
            payload = body
        } catch let error as RTPError {
            throw error
        } catch {
            throw .truncated
        }
    }
}

/// MPEG-TS in RTP (RFC 2250 §2): payload type 33, seven whole packets a datagram, a 90 kHz timestamp that says when the
/// first byte is meant to leave.
package enum TransportPayload {
    package static let payloadType: UInt8 = 33
    package static let packetsPerDatagram = 7
    package static let packetSize = 188
    package static let size = packetsPerDatagram * packetSize
    /// Header and payload; every datagram we send has this size, so that trains and parity stay simple.
    package static let datagramSize = RTPHeader.size + size

    /// Whether `payload` is what RFC 2250 allows: one or more whole packets.
    package static func isValid(_ payload: RawSpan) -> Bool {
        payload.byteCount > 0 && payload.byteCount % packetSize == 0
    }

    /// Whether `payload` is valid and each of its packets begins as one does (ISO/IEC 13818-1 §2.4.3.3).
    package static func isAligned(_ payload: RawSpan) -> Bool {
        guard isValid(payload) else { return false }
        var reader = WireReader(payload)
        while !reader.isAtEnd {
            guard (try? reader.readUInt8()) == 0x47, (try? reader.skip(packetSize - 1)) != nil else { return false }
        }
        return true
    }
}

/// Media time in RTP's units.
package enum RTPClock {
    package static let frequency: Int64 = 90_000

    /// The timestamp of a moment; wraps every 13 hours.
    package static func timestamp(atNanoseconds nanoseconds: Int64) -> UInt32 {
        // Split, so that no moment of a 64-bit clock overflows.
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return UInt32(truncatingIfNeeded: seconds &* frequency &+ rest * 9 / 100_000)
    }
}

extension UInt16 {
    /// How far this sequence number is ahead of `other`, the short way round (RFC 1982).
    package func sequenceDistance(from other: UInt16) -> Int { Int(Int16(truncatingIfNeeded: Int(self) - Int(other))) }
}
