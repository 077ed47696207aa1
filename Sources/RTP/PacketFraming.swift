import Wire

/// RTP over a byte stream (RFC 4571): each packet is preceded by its length in two bytes.
///
///     splitter.append(chunk) { packet in … }
///
/// A chunk may hold any part of any number of packets. A packet that lies whole within a chunk is passed on in place.
package struct FramedPacketSplitter: Sendable {
    /// The stream is not one of RTP packets, or not ours.
    package enum Fault: Error, Hashable, Sendable {
        /// Longer than `maximumPacket`, or too short for a header.
        case badLength(Int)
    }

    /// The length in front of each packet.
    package static let prefixSize = 2
    /// No packet of an Ethernet's MTU is longer.
    package static let maximumPacket = 1500

    private var started: [UInt8] = []

    package init() {
        started.reserveCapacity(Self.prefixSize + Self.maximumPacket)
    }

    /// Bytes of a packet that has begun.
    package var pendingBytes: Int { started.count }

    /// - Throws: when a length is impossible; nothing more can be read from this stream then.
    package mutating func append(_ chunk: RawSpan, deliver: (RawSpan) -> Void) throws(Fault) {
        var offset = 0
        if !started.isEmpty { offset = try complete(with: chunk, deliver) }
        while chunk.byteCount - offset >= Self.prefixSize {
            let length = try Self.length(chunk, at: offset)
            let start = offset + Self.prefixSize
            guard chunk.byteCount - start >= length else { break }
            deliver(chunk.extracting(start..<(start + length)))
            offset = start + length
        }
        chunk.extracting(offset...).withUnsafeBytes { started += $0 }
    }

    /// Takes what the packet that has begun still needs; answers how much that was.
    private mutating func complete(with chunk: RawSpan, _ deliver: (RawSpan) -> Void) throws(Fault) -> Int {
        var taken = 0
        func take(_ wanted: Int) -> Bool {
            let count = min(max(0, wanted - started.count), chunk.byteCount - taken)
            chunk.extracting(taken..<(taken + count)).withUnsafeBytes { started += $0 }
            taken += count
            return started.count >= wanted
        }
        guard take(Self.prefixSize) else { return taken }
        let length = try Self.length(started.span.bytes, at: 0)
        guard take(Self.prefixSize + length) else { return taken }
        deliver(started.span.bytes.extracting(Self.prefixSize..<(Self.prefixSize + length)))
        started.removeAll(keepingCapacity: true)
        return taken
    }

    private static func length(_ bytes: RawSpan, at offset: Int) throws(Fault) -> Int {
        var reader = WireReader(bytes.extracting(offset...))
        // Both callers have seen that the prefix is there.
        guard let length = try? reader.readUInt16() else { throw .badLength(0) }
        guard Int(length) >= RTPHeader.size, Int(length) <= maximumPacket else { throw .badLength(Int(length)) }
        return Int(length)
    }
}
