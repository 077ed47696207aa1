import Wire

/// A lost packet, and which of the sixteen after it are lost too (RFC 4585 §6.2.1).
package struct NACKPair: Hashable, Sendable {
    package var first: UInt16
    /// Bit n says that `first` + n + 1 is lost.
    package var following: UInt16

    package init(first: UInt16, following: UInt16 = 0) {
        self.first = first
        self.following = following
    }

    package var count: Int { 1 + following.nonzeroBitCount }

    /// Takes `sequence` in where it is one of the sixteen.
    package mutating func take(_ sequence: UInt16) -> Bool {
        let distance = sequence.sequenceDistance(from: first)
        guard (1...16).contains(distance) else { return false }
        following |= 1 << UInt16(distance - 1)
        return true
    }

    /// In the order of the stream.
    package func forEachSequence(_ body: (UInt16) -> Void) {
        body(first)
        var left = following
        while left != 0 {
            body(first &+ UInt16(left.trailingZeroBitCount) &+ 1)
            left &= left - 1
        }
    }
}

/// A request for lost packets in place (RFC 4585 §6.2.1).
package struct GenericNACK: ~Escapable {
    static let format: UInt8 = 1
    static let pairSize = 4

    /// Who asks.
    package let sender: UInt32
    /// Whose packets are lost.
    package let media: UInt32
    private let pairs: RawSpan

    @_lifetime(copy packet)
    init(_ packet: borrowing RTCPPacket) throws(RTCPError) {
        guard packet.isGenericNACK else { throw .packetType }
        do {
            var reader = WireReader(packet.body)
            sender = try reader.readUInt32()
            media = try reader.readUInt32()
            pairs = reader.rest
        } catch {
            throw .badLength
        }
        // A request for nothing is none.
        guard pairs.byteCount > 0, pairs.byteCount % Self.pairSize == 0 else { throw .badLength }
    }

    package var pairCount: Int { pairs.byteCount / Self.pairSize }

    package func forEachPair(_ body: (NACKPair) -> Void) {
        var reader = WireReader(pairs)
        while let first = try? reader.readUInt16(), let following = try? reader.readUInt16() {
            body(NACKPair(first: first, following: following))
        }
    }
}

extension RTCPPacket {
    package var isGenericNACK: Bool { type == .transportFeedback && count == GenericNACK.format }

    @_lifetime(copy self)
    package func genericNACK() throws(RTCPError) -> GenericNACK { try GenericNACK(self) }
}
