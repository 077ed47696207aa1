import MPEGTS

/// Makes transport streams the way a packager does: tables, then video with a clock reference every so many packets,
/// audio in between. Every payload carries a serial number, so that a test can tell what became of each packet.
package struct StreamGenerator {
    package static let videoPID: UInt16 = 0x100
    package static let audioPID: UInt16 = 0x101
    package static let mapPID: UInt16 = 0x1000

    /// Packets between two clock references, and ticks of 27 MHz between them.
    package var packetsPerReference = 50
    package var ticksPerReference: Int64 = 27_000_000 / 25
    package var clock: Int64 = 0
    package var hasClock = true
    /// Whether a segment's first picture is marked as one to begin with.
    package var marksRandomAccess = true
    /// stream_type of what is called video here.
    package var videoType: UInt8 = 0x1B
    package var audioEvery = 10
    package var nullEvery = 0
    package var mapDescriptors: [UInt8] = []
    package var counters: [UInt16: UInt8] = [:]
    package private(set) var serial: UInt32 = 0

    package init() {}

    package var map: ProgramMap {
        ProgramMap(
            program: 1, clockPID: Self.videoPID, descriptors: mapDescriptors,
            streams: [
                ProgramMap.Stream(type: videoType, pid: Self.videoPID),
                ProgramMap.Stream(type: 0x0F, pid: Self.audioPID, descriptors: [0x0A, 4, 0x65, 0x6E, 0x67, 0]),
            ])
    }

    package mutating func tables() -> [UInt8] {
        let association = ProgramAssociation(transportStreamID: 1, program: 1, mapPID: Self.mapPID)
        return withCounters(
            transportPackets(carrying: association.encoded(version: 0), pid: 0)
                + transportPackets(carrying: map.encoded(version: 0), pid: Self.mapPID))
    }

    private mutating func withCounters(_ packets: [UInt8]) -> [UInt8] {
        var packets = packets
        for offset in stride(from: 0, to: packets.count, by: 188) {
            let pid = UInt16(packets[offset + 1] & 0x1F) << 8 | UInt16(packets[offset + 2])
            packets[offset + 3] |= nextCounter(pid)
        }
        return packets
    }

    private mutating func nextCounter(_ pid: UInt16) -> UInt8 {
        let counter = counters[pid] ?? 0
        counters[pid] = (counter + 1) & 15
        return counter
    }

    /// - Parameter isRandomAccess: marks a packet that carries a clock as one a decoder can begin with.
    package mutating func packet(
        pid: UInt16, clock: Int64? = nil, startsUnit: Bool = false, isRandomAccess: Bool = false
    ) -> [UInt8] {
        serial += 1
        var bytes: [UInt8] = [
            0x47, (startsUnit ? 0x40 : 0) | UInt8(pid >> 8), UInt8(pid & 0xFF),
            (clock == nil ? 0x10 : 0x30) | nextCounter(pid),
        ]
        if let clock { bytes += [7, isRandomAccess ? 0x50 : 0x10] + ProgramClockReference(ticks: clock).encoded }
        bytes += [UInt8(serial >> 24), UInt8(serial >> 16 & 255), UInt8(serial >> 8 & 255), UInt8(serial & 255)]
        return bytes + [UInt8](repeating: UInt8(serial & 0x3F), count: 188 - bytes.count)
    }

    /// A segment that begins with tables and a picture that needs no other, and holds `references` clock references.
    package mutating func segment(references: Int) -> [UInt8] {
        var bytes = tables()
        for reference in 0..<references {
            bytes += packet(
                pid: Self.videoPID, clock: hasClock ? clock : nil, startsUnit: true,
                isRandomAccess: marksRandomAccess && reference == 0)
            for index in 1..<packetsPerReference {
                if nullEvery > 0, index % nullEvery == 0 {
                    bytes += [0x47, 0x1F, 0xFF, 0x10] + [UInt8](repeating: 0xFF, count: 184)
                } else {
                    bytes += packet(pid: index % audioEvery == 0 ? Self.audioPID : Self.videoPID)
                }
            }
            clock = (clock + ticksPerReference) % ProgramClockReference.modulus
        }
        return bytes
    }
}
