import Clockwork
import RTP

/// The packets of one rendition that were sent last, so that they can be sent again: bounded by time and by bytes.
///
/// A ring, a slot a packet, found by sequence number alone. All memory is taken at the start; nothing is allocated per packet.
package struct RetransmissionWindow: Sendable {
    /// What became of a look-up.
    package enum LookUp: Hashable, Sendable {
        /// The retransmission's length.
        case written(Int)
        /// Older than the window, or never held.
        case gone
        /// Ahead of everything sent.
        case notSent
    }

    package static let packetRange = 64...32_768
    /// A variable rate may be above its mean by as much, percent.
    private static let headroom = 150
    private static let nothing = Int64.min

    package let capacity: Int
    /// How old a packet may be that is sent again.
    package let duration: Duration
    private let slotSize = TransportPayload.datagramSize
    private let lifetime: Int64
    private var storage: [UInt8]
    /// Which packet lies in a slot, by numbers that do not wrap.
    private var held: [Int64]
    private var times: [Int64]
    private var highest: Int64?

    /// Holds `duration` of a stream of `bitRate` (the transport stream's bits a second), or what `maximumBytes` hold of it.
    package init(duration: Duration, bitRate: Int, maximumBytes: Int) {
        let wanted = Self.packets(in: duration, bitRate: bitRate)
        let affordable = max(0, maximumBytes) / TransportPayload.datagramSize
        capacity = min(max(min(wanted, affordable), Self.packetRange.lowerBound), Self.packetRange.upperBound)
        self.duration = duration
        lifetime = duration.nanoseconds
        storage = [UInt8](repeating: 0, count: capacity * TransportPayload.datagramSize)
        held = [Int64](repeating: Self.nothing, count: capacity)
        times = [Int64](repeating: 0, count: capacity)
    }

    private static func packets(in duration: Duration, bitRate: Int) -> Int {
        let bits = Double(max(0, bitRate)) * duration.seconds * Double(headroom) / 100
        return Int(min(max(0, bits / Double(8 * TransportPayload.size)), Double(packetRange.upperBound)))
    }

    package var byteCount: Int { storage.count }

    /// Keeps the datagrams of a train, all of `TransportPayload.datagramSize`, one behind the other.
    package mutating func store(_ train: UnsafeRawBufferPointer, now: Instant) {
        for start in stride(from: 0, through: train.count - slotSize, by: slotSize) {
            let datagram = UnsafeRawBufferPointer(rebasing: train[start..<(start + slotSize)])
            let wire = UInt16(bigEndian: datagram.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            let number = number(of: wire) ?? Int64(wire) + 1 << 32
            let slot = slot(number)
            storage.withUnsafeMutableBytes { into in
                // Safe: a datagram is as long as a slot, and the slot lies within the storage.
                UnsafeMutableRawBufferPointer(rebasing: into[(slot * slotSize)..<((slot + 1) * slotSize)])
                    .copyMemory(from: datagram)
            }
            held[slot] = number
            times[slot] = now.nanoseconds
            highest = max(highest ?? number, number)
        }
    }

    /// Writes the retransmission of the packet numbered `sequence` (RFC 4588), itself not numbered yet.
    package func write(
        _ sequence: UInt16, now: Instant, into buffer: UnsafeMutableRawBufferPointer
    ) -> LookUp {
        guard let highest, let number = number(of: sequence) else { return .gone }
        guard number <= highest else { return .notSent }
        let slot = slot(number)
        guard held[slot] == number, now.nanoseconds &- times[slot] <= lifetime else { return .gone }
        let length = storage.withUnsafeBytes { storage in
            RetransmissionPayload.write(
                UnsafeRawBufferPointer(rebasing: storage[(slot * slotSize)..<((slot + 1) * slotSize)]), into: buffer)
        }
        return length.map { .written($0) } ?? .gone
    }

    private func number(of sequence: UInt16) -> Int64? {
        highest.map { $0 + Int64(sequence.sequenceDistance(from: UInt16(truncatingIfNeeded: $0))) }
    }

    private func slot(_ number: Int64) -> Int { Int(number % Int64(capacity)) }
}
