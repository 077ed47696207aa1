import MPEGTS

/// Makes transport streams the way a packager does: tables, then video with a clock reference every so many packets,
/// audio in between. Every payload carries a serial number, so that a test can tell what became of each packet.
struct StreamGenerator {
    static let videoPID: UInt16 = 0x100
    static let audioPID: UInt16 = 0x101
    static let mapPID: UInt16 = 0x1000

    /// Packets between two clock references, and ticks of 27 MHz between them.
    var packetsPerReference = 50
    var ticksPerReference: Int64 = 27_000_000 / 25
    var clock: Int64 = 0
    var hasClock = true
    var audioEvery = 10
    var nullEvery = 0
    var mapDescriptors: [UInt8] = []
    var counters: [UInt16: UInt8] = [:]
    private(set) var serial: UInt32 = 0

    var map: ProgramMap {
        ProgramMap(
            program: 1, clockPID: Self.videoPID, descriptors: mapDescriptors,
            streams: [
                ProgramMap.Stream(type: 0x1B, pid: Self.videoPID),
                ProgramMap.Stream(type: 0x0F, pid: Self.audioPID, descriptors: [0x0A, 4, 0x65, 0x6E, 0x67, 0]),
            ])
    }

    mutating func tables() -> [UInt8] {
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

    mutating func packet(pid: UInt16, clock: Int64? = nil, startsUnit: Bool = false) -> [UInt8] {
        serial += 1
        var bytes: [UInt8] = [
            0x47, (startsUnit ? 0x40 : 0) | UInt8(pid >> 8), UInt8(pid & 0xFF),
            (clock == nil ? 0x10 : 0x30) | nextCounter(pid),
        ]
        if let clock { bytes += [7, 0x10] + ProgramClockReference(ticks: clock).encoded }
        bytes += [UInt8(serial >> 24), UInt8(serial >> 16 & 255), UInt8(serial >> 8 & 255), UInt8(serial & 255)]
        return bytes + [UInt8](repeating: UInt8(serial & 0x3F), count: 188 - bytes.count)
    }

    /// A segment that begins with tables and holds `references` clock references.
    mutating func segment(references: Int) -> [UInt8] {
        var bytes = tables()
        for _ in 0..<references {
            bytes += packet(pid: Self.videoPID, clock: hasClock ? clock : nil, startsUnit: true)
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

/// An output packet taken apart by other code than the one under test.
struct Taken {
    let pid: UInt16
    let counter: UInt8
    let clock: Int64?
    let isDiscontinuous: Bool
    let hasPayload: Bool
    let time: Int64
    let bytes: [UInt8]

    init(_ bytes: [UInt8], time: Int64) {
        self.bytes = bytes
        self.time = time
        pid = UInt16(bytes[1] & 0x1F) << 8 | UInt16(bytes[2])
        counter = bytes[3] & 15
        hasPayload = bytes[3] & 0x10 != 0
        let flags = bytes[3] & 0x20 != 0 && bytes[4] > 0 ? bytes[5] : 0
        isDiscontinuous = flags & 0x80 != 0
        guard flags & 0x10 != 0 else {
            clock = nil
            return
        }
        let base = (6..<10).reduce(Int64(0)) { $0 << 8 | Int64(bytes[$1]) } << 1 | Int64(bytes[10] >> 7)
        clock = base * 300 + Int64(bytes[10] & 1) << 8 + Int64(bytes[11])
    }

    /// The generator's number of it.
    var serial: UInt32 {
        let start = clock == nil ? 4 : 12
        return (start..<(start + 4)).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
    }
}

extension TransportStreamConditioner {
    mutating func drain(extrapolating: Bool = false) -> [Taken] {
        var buffer = [UInt8](repeating: 0, count: 188)
        var taken: [Taken] = []
        while let packet = next(into: &buffer, at: 0, extrapolating: extrapolating) {
            taken.append(Taken(buffer, time: packet.time))
        }
        return taken
    }

    mutating func take(
        _ bytes: [UInt8], duration: Duration = .seconds(1), isDiscontinuous: Bool = false,
        missingBefore: Duration = .zero
    ) throws {
        append(
            try TransportSegment(
                scanning: bytes, duration: duration, isDiscontinuous: isDiscontinuous, missingBefore: missingBefore))
    }
}

/// PIDs whose counters do not run on, with how often.
func counterBreaks(_ packets: [Taken]) -> [UInt16: Int] {
    var last: [UInt16: UInt8] = [:]
    var breaks: [UInt16: Int] = [:]
    for packet in packets where packet.hasPayload {
        if let before = last[packet.pid], (before + 1) & 15 != packet.counter { breaks[packet.pid, default: 0] += 1 }
        last[packet.pid] = packet.counter
    }
    return breaks
}
