import Wire

/// Why a datagram is no RTCP we can use (RFC 3550 §6.1, appendix A.2).
package enum RTCPError: Error, Hashable, Sendable, CaseIterable {
    case truncated
    case wrongVersion
    /// A packet type that RTCP does not use (RFC 5761 §4): RTP, say.
    case packetType
    /// A packet ends beyond the datagram, or before what it says it holds.
    case badLength
    /// Padding of nothing, of more than there is, or before the last packet.
    case badPadding
    /// The first packet is neither a report nor feedback, which alone may go without one (RFC 5506).
    case noReport
    /// More packets than any of ours holds.
    case tooManyPackets
}

/// What an RTCP packet is; the values are its packet types.
package enum RTCPPacketType: UInt8, Hashable, Sendable, CaseIterable {
    case senderReport = 200
    case receiverReport = 201
    case sourceDescription = 202
    case goodbye = 203
    case application = 204
    /// RTPFB (RFC 4585 §6.1); generic NACK is its format 1.
    case transportFeedback = 205
    /// PSFB
    case payloadFeedback = 206
    case extendedReport = 207
}

/// The RTCP packets of one datagram in place, all of whose lengths were checked.
///
///     var compound = try RTCPCompound(decoding: datagram)
///     while compound.hasNext {
///         let packet = compound.next()
///         if packet.isGenericNACK { … try packet.genericNACK() … }
///     }
///
/// Packets of types that are not known are passed over by whoever reads.
package struct RTCPCompound: ~Escapable {
    package static let maximumPackets = 16
    static let headerSize = 4

    private var rest: RawSpan

    @_lifetime(copy bytes)
    package init(decoding bytes: RawSpan) throws(RTCPError) {
        rest = bytes
        guard bytes.byteCount > 0 else { throw .truncated }
        var offset = 0
        var count = 0
        while offset < bytes.byteCount {
            let header = try RTCPHeader(decoding: bytes, at: offset)
            if count == 0, !header.mayComeFirst { throw .noReport }
            count += 1
            guard count <= Self.maximumPackets else { throw .tooManyPackets }
            guard header.end <= bytes.byteCount else { throw .badLength }
            if header.isPadded {
                guard header.end == bytes.byteCount else { throw .badPadding }
                _ = try header.padding(in: bytes)
            }
            offset = header.end
        }
    }

    package var hasNext: Bool { rest.byteCount > 0 }

    /// The next packet, which must be there.
    @_lifetime(copy self)
    package mutating func next() -> RTCPPacket {
        precondition(hasNext, "no packet is left")
        // Cannot fail: the initializer has read the same bytes.
        guard let header = try? RTCPHeader(decoding: rest, at: 0), header.end <= rest.byteCount else {
            preconditionFailure("a compound changed beneath its reader")
        }
        let padding = header.isPadded ? (try? header.padding(in: rest)) ?? 0 : 0
        let body = rest.extracting(Self.headerSize..<(header.end - padding))
        rest = rest.extracting(header.end..<rest.byteCount)
        return RTCPPacket(rawType: header.rawType, count: header.count, body: body)
    }
}

/// The four bytes that every RTCP packet begins with.
private struct RTCPHeader {
    let rawType: UInt8
    let count: UInt8
    let isPadded: Bool
    let start: Int
    /// Of the packet, in the datagram.
    let end: Int

    init(decoding bytes: RawSpan, at offset: Int) throws(RTCPError) {
        do {
            var reader = WireReader(bytes)
            try reader.skip(offset)
            let first = try reader.readUInt8()
            guard first >> 6 == 2 else { throw RTCPError.wrongVersion }
            rawType = try reader.readUInt8()
            guard (192...223).contains(rawType) else { throw RTCPError.packetType }
            count = first & 0x1F
            isPadded = first & 0x20 != 0
            start = offset
            end = offset + 4 * (Int(try reader.readUInt16()) + 1)
        } catch let error as RTCPError {
            throw error
        } catch {
            throw .truncated
        }
    }

    var mayComeFirst: Bool {
        switch RTCPPacketType(rawValue: rawType) {
        case .senderReport, .receiverReport, .transportFeedback, .payloadFeedback: true
        case .sourceDescription, .goodbye, .application, .extendedReport, nil: false
        }
    }

    /// How many bytes at its end are no contents; the packet must lie within `bytes`.
    func padding(in bytes: RawSpan) throws(RTCPError) -> Int {
        do {
            var reader = WireReader(bytes)
            try reader.skip(end - 1)
            let count = Int(try reader.readUInt8())
            guard count > 0, count % 4 == 0, end - start - RTCPCompound.headerSize >= count else {
                throw RTCPError.badPadding
            }
            return count
        } catch {
            throw .badPadding
        }
    }
}

/// One RTCP packet in place, without its header and padding.
package struct RTCPPacket: ~Escapable {
    package let rawType: UInt8
    /// Reports, chunks or sources that follow, or the format of feedback.
    package let count: UInt8
    package let body: RawSpan

    @_lifetime(copy body)
    init(rawType: UInt8, count: UInt8, body: RawSpan) {
        self.rawType = rawType
        self.count = count
        self.body = body
    }

    /// Nil for types we do not know.
    package var type: RTCPPacketType? { RTCPPacketType(rawValue: rawType) }
}
