/// Counts what a receiver of a transport stream notices: lost packets by PID, duplicates, lost sync
/// (ISO/IEC 13818-1 §2.4.3.3).
package struct ContinuityChecker: Sendable {
    package struct Counters: Hashable, Sendable, Codable {
        package internal(set) var packets: UInt64 = 0
        package internal(set) var nullPackets: UInt64 = 0
        /// Times a PID's counter was not the one expected, except where a discontinuity was announced.
        package internal(set) var continuityErrors: UInt64 = 0
        /// Repetitions, of which the standard allows one a packet.
        package internal(set) var duplicates: UInt64 = 0
        package internal(set) var transportErrors: UInt64 = 0
        package internal(set) var announcedDiscontinuities: UInt64 = 0
        /// Times 188 bytes did not begin with the sync byte.
        package internal(set) var syncLosses: UInt64 = 0

        package init() {}
    }

    /// Low four bits the last counter, then "seen" and "repeated once already".
    private var states = [UInt8](repeating: 0, count: TransportPacket.pidCount)
    package private(set) var counters = Counters()

    private static let seen: UInt8 = 0x10
    private static let repeated: UInt8 = 0x20

    package init() {}

    /// Takes any number of packets; trailing bytes short of one count as lost sync.
    package mutating func check(_ bytes: RawSpan) {
        var offset = 0
        while offset + TransportPacket.size <= bytes.byteCount {
            checkPacket(bytes.extracting(offset..<(offset + TransportPacket.size)))
            offset += TransportPacket.size
        }
        if offset < bytes.byteCount { counters.syncLosses &+= 1 }
    }

    /// Forgets all counters of PIDs, for when the stream is another one from here on.
    package mutating func restart() {
        for pid in states.indices { states[pid] = 0 }
    }

    private mutating func checkPacket(_ bytes: RawSpan) {
        guard let packet = TransportPacket(bytes) else {
            counters.syncLosses &+= 1
            return
        }
        counters.packets &+= 1
        if packet.hasError { counters.transportErrors &+= 1 }
        guard !packet.isNull else {
            counters.nullPackets &+= 1
            return
        }
        if packet.isDiscontinuous { counters.announcedDiscontinuities &+= 1 }
        checkContinuity(
            pid: Int(packet.pid), counter: packet.continuityCounter, hasPayload: packet.hasPayload,
            isDiscontinuous: packet.isDiscontinuous)
    }

    private mutating func checkContinuity(pid: Int, counter: UInt8, hasPayload: Bool, isDiscontinuous: Bool) {
        let state = states[pid]
        let last = state & 0x0F
        guard state & Self.seen != 0, !isDiscontinuous else {
            states[pid] = Self.seen | counter
            return
        }
        if hasPayload, counter == last, state & Self.repeated == 0 {
            counters.duplicates &+= 1
            states[pid] = state | Self.repeated
            return
        }
        let expected = hasPayload ? (last &+ 1) & 0x0F : last
        if counter != expected { counters.continuityErrors &+= 1 }
        states[pid] = Self.seen | counter | (hasPayload ? 0 : state & Self.repeated)
    }
}
