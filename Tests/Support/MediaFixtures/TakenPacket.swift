import MPEGTS

/// An output packet taken apart by other code than the one under test.
package struct TakenPacket {
    package let pid: UInt16
    package let counter: UInt8
    package let clock: Int64?
    package let isDiscontinuous: Bool
    package let hasPayload: Bool
    package let time: Int64
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8], time: Int64) {
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
    package var serial: UInt32 {
        let start = clock == nil ? 4 : 12
        return (start..<(start + 4)).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
    }
}

/// PIDs whose counters do not run on, with how often.
package func counterBreaks(_ packets: [TakenPacket]) -> [UInt16: Int] {
    var last: [UInt16: UInt8] = [:]
    var breaks: [UInt16: Int] = [:]
    for packet in packets where packet.hasPayload {
        if let before = last[packet.pid], (before + 1) & 15 != packet.counter { breaks[packet.pid, default: 0] += 1 }
        last[packet.pid] = packet.counter
    }
    return breaks
}
