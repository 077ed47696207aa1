import RTP
import Wire

/// Why a datagram is no repair packet we can use.
package enum FECPacketError: Error, Hashable, Sendable, CaseIterable {
    case truncated
    case wrongVersion
    /// Not of the dynamic range (RFC 3551 §6): media sent to a repair port, say.
    case payloadType
    /// The short header of RFC 2733, or bits that ST 2022-1 keeps at zero.
    case unsupportedHeader
    /// Parity of another kind than exclusive or.
    case unsupportedKind
    /// No distance between packets, or a row whose packets are not neighbours.
    case offset
    /// It protects nothing, or more than the decoder's window holds.
    case span
    /// Longer than any media packet of ours.
    case tooLong
}

/// The header that parity of media packets leaves over: what RTP's first two bytes, the timestamp and the length were,
/// each combined over all of them.
package struct FECRecovery: Hashable, Sendable {
    /// Bits from the top: RTP's first two bytes 16, length of what follows the fixed header 16, timestamp 32.
    package var bits: UInt64

    package init(bits: UInt64 = 0) {
        self.bits = bits
    }

    /// Of one media packet; `bytes` is at least a fixed header long.
    init(media bytes: UnsafeRawBufferPointer) {
        let flags = UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt16.self)) & 0x3FFF)
        let timestamp = UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        let length = UInt64(truncatingIfNeeded: bytes.count - RTPHeader.size) & 0xFFFF
        bits = flags << 48 | length << 32 | timestamp
    }

    static func ^= (left: inout FECRecovery, right: FECRecovery) { left.bits ^= right.bits }

    /// Padding, extension, number of contributing sources, marker and payload type.
    var flags: UInt16 { UInt16(truncatingIfNeeded: bits >> 48) }
    var length: Int { Int(bits >> 32 & 0xFFFF) }
    var timestamp: UInt32 { UInt32(truncatingIfNeeded: bits) }
}

/// Which of the two streams a repair packet belongs to.
package enum FECDirection: UInt8, Hashable, Sendable, CaseIterable {
    case column = 0
    case row = 1
}

/// A repair packet of SMPTE ST 2022-1 in place.
///
/// An RTP header whose padding, extension, contributing-source and marker bits are parity too, so that it cannot be read as
/// an ordinary one; then 16 bytes: first sequence number 16, length 16, E 1 and payload type 7, mask 24, timestamp 32, N 1,
/// direction 1, kind 3, index 3, offset 8, count 8, extension of the sequence number 8; then parity.
package struct FECPacket: ~Escapable {
    package static let headerSize = 16
    /// Of both headers.
    package static let overhead = RTPHeader.size + headerSize
    /// What receivers in the field take for it.
    package static let payloadType: UInt8 = 96

    package let direction: FECDirection
    /// The first packet protected; the others follow `offset` apart.
    package let base: UInt16
    package let offset: Int
    package let count: Int
    package let recovery: FECRecovery
    package let parity: RawSpan

    /// From the first to the last packet protected.
    package var span: Int { (count - 1) * offset + 1 }

    @_lifetime(copy bytes)
    package init(decoding bytes: RawSpan) throws(FECPacketError) {
        do {
            var reader = WireReader(bytes)
            let first = try reader.readUInt8()
            let second = try reader.readUInt8()
            try reader.skip(RTPHeader.size - 2)
            guard first >> 6 == 2 else { throw FECPacketError.wrongVersion }
            guard second & 0x7F >= 96 else { throw FECPacketError.payloadType }
            base = try reader.readUInt16()
            let length = try reader.readUInt16()
            let typeAndMask = try reader.readUInt32()
            let timestamp = try reader.readUInt32()
            let kind = try reader.readUInt8()
            offset = Int(try reader.readUInt8())
            count = Int(try reader.readUInt8())
            let extended = try reader.readUInt8()
            guard typeAndMask >> 31 == 1, typeAndMask & 0xFF_FFFF == 0, kind >> 7 == 0, extended == 0 else {
                throw FECPacketError.unsupportedHeader
            }
            guard kind & 0x3F == 0 else { throw FECPacketError.unsupportedKind }
            direction = kind & 0x40 == 0 ? .column : .row
            guard offset > 0, direction == .column || offset == 1 else { throw FECPacketError.offset }
            guard count > 0 else { throw FECPacketError.span }
            let marker = second & 0x80
            let flags = UInt16(first & 0x3F) << 8 | UInt16(marker | UInt8(typeAndMask >> 24 & 0x7F))
            recovery = FECRecovery(bits: UInt64(flags) << 48 | UInt64(length) << 32 | UInt64(timestamp))
            parity = reader.rest
        } catch let error as FECPacketError {
            throw error
        } catch {
            throw .truncated
        }
        guard parity.byteCount > 0 else { throw .truncated }
    }
}

/// What a repair packet's two headers say.
struct FECPacketHeader {
    var sequence: UInt16
    var timestamp: UInt32
    var direction: FECDirection
    var base: UInt16
    var offset: Int
    var count: Int
    var recovery: FECRecovery

    func write(to bytes: UnsafeMutableRawBufferPointer) {
        precondition(bytes.count >= FECPacket.overhead, "no room for a header")
        let flags = UInt8(truncatingIfNeeded: recovery.flags >> 8)
        let markerAndType = UInt8(truncatingIfNeeded: recovery.flags)
        bytes[0] = 0x80 | flags & 0x3F
        bytes[1] = markerAndType & 0x80 | FECPacket.payloadType
        put(UInt32(sequence), 16, at: 2, bytes)
        put(timestamp, 32, at: 4, bytes)
        // Receivers ignore the source; those in the field send zero.
        put(0, 32, at: 8, bytes)
        put(UInt32(base), 16, at: 12, bytes)
        put(UInt32(recovery.length), 16, at: 14, bytes)
        put(UInt32(0x80 | markerAndType & 0x7F) << 24, 32, at: 16, bytes)
        put(recovery.timestamp, 32, at: 20, bytes)
        bytes[24] = direction.rawValue << 6
        bytes[25] = UInt8(truncatingIfNeeded: offset)
        bytes[26] = UInt8(truncatingIfNeeded: count)
        bytes[27] = 0
    }

    private func put(_ value: UInt32, _ bits: Int, at offset: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        for index in 0..<(bits / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(bits - 8 - 8 * index))
        }
    }
}
