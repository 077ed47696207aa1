import Wire

/// Why a datagram is no retransmission we can use (RFC 4588 §4).
package enum RetransmissionError: Error, Hashable, Sendable {
    case notRTP(RTPError)
    /// Not the one that was agreed on.
    case payloadType(UInt8)
    /// No original sequence number, or nothing behind it.
    case truncated
}

/// RTP packets sent again (RFC 4588 §4): the original's header under another payload type and number, then the original
/// sequence number in two bytes, then the original's payload.
package enum RetransmissionPayload {
    /// Ours; others are announced to receivers.
    package static let payloadType: UInt8 = 97
    /// The original sequence number.
    package static let overhead = 2
    package static let datagramSize = TransportPayload.datagramSize + overhead

    /// Writes the retransmission of `original`, with sequence number zero, and answers its length; nil where the original's
    /// header has more than its fixed part, or there is no room.
    package static func write(
        _ original: UnsafeRawBufferPointer, payloadType: UInt8 = Self.payloadType,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Int? {
        let count = original.count + overhead
        guard original.count > RTPHeader.size, original[0] == 0x80, buffer.count >= count else { return nil }
        let header = UnsafeMutableRawBufferPointer(rebasing: buffer[..<RTPHeader.size])
        header.copyMemory(from: UnsafeRawBufferPointer(rebasing: original[..<RTPHeader.size]))
        buffer[1] = original[1] & 0x80 | payloadType & 0x7F
        buffer[2] = 0
        buffer[3] = 0
        buffer[RTPHeader.size] = original[2]
        buffer[RTPHeader.size + 1] = original[3]
        UnsafeMutableRawBufferPointer(rebasing: buffer[(RTPHeader.size + overhead)..<count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: original[RTPHeader.size...]))
        return count
    }

    /// Numbers a retransmission that lies at the start of `buffer`.
    package static func number(_ buffer: UnsafeMutableRawBufferPointer, _ sequence: UInt16) {
        precondition(buffer.count >= RTPHeader.size, "no header to number")
        buffer[2] = UInt8(truncatingIfNeeded: sequence >> 8)
        buffer[3] = UInt8(truncatingIfNeeded: sequence)
    }
}

/// A received retransmission in place.
package struct RetransmittedPacket: ~Escapable {
    /// The original's, but for the payload type.
    package let original: RTPHeader
    /// Of the retransmission's own numbering.
    package let sequence: UInt16
    package let payload: RawSpan

    /// - Parameter mediaPayloadType: what the original's was.
    @_lifetime(copy bytes)
    package init(
        decoding bytes: RawSpan, payloadType: UInt8 = RetransmissionPayload.payloadType,
        mediaPayloadType: UInt8 = TransportPayload.payloadType
    ) throws(RetransmissionError) {
        let packet: RTPPacket
        do throws(RTPError) {
            packet = try RTPPacket(decoding: bytes)
        } catch {
            throw .notRTP(error)
        }
        let header = packet.header
        guard header.payloadType == payloadType else { throw .payloadType(header.payloadType) }
        var reader = WireReader(packet.payload)
        guard let number = try? reader.readUInt16(), !reader.isAtEnd else { throw .truncated }
        original = RTPHeader(
            marker: header.marker, payloadType: mediaPayloadType, sequence: number, timestamp: header.timestamp,
            ssrc: header.ssrc)
        sequence = header.sequence
        payload = reader.rest
    }

    /// The original as it was sent, at the start of `buffer`; answers its length, or nil where there is no room.
    package func writeOriginal(into buffer: inout [UInt8]) -> Int? {
        let count = RTPHeader.size + payload.byteCount
        guard buffer.count >= count else { return nil }
        original.write(into: &buffer, at: 0)
        buffer.withUnsafeMutableBytes { into in
            payload.withUnsafeBytes { from in
                UnsafeMutableRawBufferPointer(rebasing: into[RTPHeader.size..<count]).copyMemory(from: from)
            }
        }
        return count
    }
}
