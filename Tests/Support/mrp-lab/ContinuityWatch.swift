import Foundation

/// Counts continuity errors of a transport stream (ISO/IEC 13818-1 §2.4.3.3) in a file that is being written, by code that
/// shares nothing with the receivers it watches.
struct ContinuityWatch {
    private static let packetSize = 188
    private static let nullPID: UInt16 = 0x1FFF

    private let file: String
    private var offset: UInt64 = 0
    private var rest: [UInt8] = []
    private var lastCounters: [UInt16: UInt8] = [:]
    private(set) var packets = 0
    private(set) var errors = 0

    init(file: String) {
        self.file = file
    }

    /// Reads what has been written since the last time.
    mutating func advance() {
        guard let handle = FileHandle(forReadingAtPath: file) else { return }
        defer { try? handle.close() }
        guard (try? handle.seek(toOffset: offset)) != nil, let data = try? handle.readToEnd() else { return }
        offset += UInt64(data.count)
        rest += data
        let whole = rest.count / Self.packetSize
        for index in 0..<whole { check(rest[(index * Self.packetSize)..<((index + 1) * Self.packetSize)]) }
        rest.removeFirst(whole * Self.packetSize)
    }

    private mutating func check(_ packet: ArraySlice<UInt8>) {
        let bytes = Array(packet)
        packets += 1
        guard bytes[0] == 0x47 else {
            errors += 1
            return
        }
        let pid = UInt16(bytes[1] & 0x1F) << 8 | UInt16(bytes[2])
        let (counter, hasPayload, hasAdaptation) = (bytes[3] & 0x0F, bytes[3] & 0x10 != 0, bytes[3] & 0x20 != 0)
        guard pid != Self.nullPID else { return }
        defer { lastCounters[pid] = counter }
        let isAnnounced = hasAdaptation && bytes[4] > 0 && bytes[5] & 0x80 != 0
        guard let last = lastCounters[pid], !isAnnounced else { return }
        // A packet may be sent twice; one without payload does not count on.
        let expected = hasPayload ? (last + 1) & 0x0F : last
        if counter != expected, counter != last { errors += 1 }
    }
}
