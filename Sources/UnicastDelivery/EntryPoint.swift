import MPEGTS

/// A random-access point of a stream: where a viewer may begin, and what must be sent before it.
package struct EntryPoint: Hashable, Sendable {
    /// What a PID's next packet with a payload carries.
    package struct Counter: Hashable, Sendable {
        package let pid: UInt16
        package let next: UInt8
    }

    /// Of its first byte; where PAT and PMT stand ahead of the picture, other streams' packets between or not, of the PAT.
    package let position: UInt64
    /// The sender's clock in 90 kHz ticks since 1970.
    package let time: Int64
    /// The stream says that it is not a continuation of what stands before it.
    package let isDiscontinuous: Bool
    /// PAT and PMT in whole packets; empty where the stream itself has them at `position`.
    let tables: [UInt8]
    /// As they stand at `position`.
    let counters: [Counter]

    /// PAT and PMT for a viewer who begins here, their continuity counters such that the stream's next ones fit.
    package var prefix: [UInt8] {
        var packets = tables
        var left: [UInt16: UInt8] = [:]
        for offset in packetOffsets(packets) { left[pid(of: packets, at: offset), default: 0] += 1 }
        for offset in packetOffsets(packets) {
            let pid = pid(of: packets, at: offset)
            let before = left[pid, default: 0]
            packets[offset + 3] = packets[offset + 3] & 0xF0 | (next(pid) &- before) & 0x0F
            left[pid] = before &- 1
        }
        return packets
    }

    /// As `prefix`, for a viewer who has seen another part of the stream: each PID's jump is announced by a packet that
    /// has the discontinuity_indicator and no payload (ISO/IEC 13818-1 §2.4.3.5).
    package var prefixAfterJump: [UInt8] {
        var packets: [UInt8] = []
        for counter in counters {
            let before = packetOffsets(tables).count { pid(of: tables, at: $0) == counter.pid }
            let last = (counter.next &- UInt8(truncatingIfNeeded: before) &- 1) & 0x0F
            packets += [
                TransportPacket.syncByte, UInt8(truncatingIfNeeded: counter.pid >> 8),
                UInt8(truncatingIfNeeded: counter.pid), 0x20 | last, 183, 0x80,
            ]
            packets += repeatElement(0xFF, count: TransportPacket.size - 6)
        }
        return packets + prefix
    }

    private func next(_ pid: UInt16) -> UInt8 { counters.first { $0.pid == pid }?.next ?? 0 }

    private func packetOffsets(_ packets: [UInt8]) -> StrideTo<Int> {
        stride(from: 0, to: packets.count, by: TransportPacket.size)
    }

    private func pid(of packets: [UInt8], at offset: Int) -> UInt16 {
        UInt16(packets[offset + 1] & 0x1F) << 8 | UInt16(packets[offset + 2])
    }
}

extension StrideTo<Int> {
    fileprivate func count(where predicate: (Int) -> Bool) -> Int { reduce(0) { predicate($1) ? $0 + 1 : $0 } }
    fileprivate var count: Int { reduce(0) { sum, _ in sum + 1 } }
}
