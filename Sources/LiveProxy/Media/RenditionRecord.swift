import MPEGTS
import Wire

/// A rendition's continuation as a few bytes that can be written after every train without allocating anything, so that
/// even a proxy that was killed is continued exactly.
///
/// Layout, in network byte order: SSRC 32, sequence 16, timestamp offset 32; for PAT and PMT each a version 8 (0xFF: never
/// sent) and a fingerprint 32; number of counters 8, then a PID 16 and its next counter 8 each; CRC-32 over all that.
package enum RenditionRecord {
    /// More PIDs than this are not recorded; a single programme has a handful.
    package static let maximumCounters = 64
    package static let maximumSize = 21 + 3 * maximumCounters + 4

    private static let neverSent: UInt8 = 0xFF

    /// Reads a record back; nil when it is damaged or was never written.
    package static func decode(_ bytes: [UInt8]) -> RenditionState? {
        guard bytes.count <= maximumSize, bytes.count >= 25, SectionChecksum.compute(bytes) == 0 else { return nil }
        var reader = WireReader(bytes.span.bytes)
        let state = try? read(&reader)
        // Nothing but the checksum may follow.
        return reader.remaining == 4 ? state : nil
    }

    private static func read(_ reader: inout WireReader) throws(WireError) -> RenditionState {
        var state = RenditionState(
            ssrc: try reader.readUInt32(), sequence: try reader.readUInt16(),
            timestampOffset: try reader.readUInt32())
        state.continuity.association = try readTable(&reader)
        state.continuity.map = try readTable(&reader)
        for _ in 0..<(try reader.readUInt8()) {
            state.continuity.counters.append(
                ContinuityState.Counter(pid: try reader.readUInt16() & 0x1FFF, next: try reader.readUInt8() & 0x0F))
        }
        state.continuity.counters.sort { $0.pid < $1.pid }
        return state
    }

    private static func readTable(_ reader: inout WireReader) throws(WireError) -> ContinuityState.Table? {
        let version = try reader.readUInt8()
        let fingerprint = try reader.readUInt32()
        return version == neverSent ? nil : ContinuityState.Table(version: version & 0x1F, fingerprint: fingerprint)
    }

    /// Writes the pacer's continuation to the start of `buffer`, which must hold `maximumSize` bytes; answers how many
    /// were written.
    package static func encode(_ pacer: borrowing RenditionPacer, into buffer: inout [UInt8]) -> Int {
        precondition(buffer.count >= maximumSize, "no room for a record")
        var end = 0
        func put(_ value: UInt32, bytes: Int) {
            for index in 0..<bytes {
                buffer[end + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * (bytes - 1 - index)))
            }
            end += bytes
        }
        func put(_ table: ContinuityState.Table?) {
            put(UInt32(table?.version ?? neverSent), bytes: 1)
            put(table?.fingerprint ?? 0, bytes: 4)
        }
        put(pacer.state.ssrc, bytes: 4)
        put(UInt32(pacer.nextSequence), bytes: 2)
        put(pacer.state.timestampOffset, bytes: 4)
        put(pacer.conditioner.associationState)
        put(pacer.conditioner.mapState)
        let count = min(pacer.conditioner.counterCount, maximumCounters)
        put(UInt32(count), bytes: 1)
        for index in 0..<count {
            let counter = pacer.conditioner.counter(at: index)
            put(UInt32(counter.pid), bytes: 2)
            put(UInt32(counter.next), bytes: 1)
        }
        put(SectionChecksum.compute(buffer[..<end]), bytes: 4)
        return end
    }
}
