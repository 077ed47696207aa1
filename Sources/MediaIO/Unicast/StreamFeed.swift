import Clockwork
import LinuxIO
import RTP
import UnicastDelivery
import Wire

/// Which stream: a tree and the port of its media packets.
package struct StreamKey: Hashable, Sendable, Codable {
    package var source: IPv4Address
    package var group: IPv4Address
    package var port: UInt16

    package init(source: IPv4Address, group: IPv4Address, port: UInt16) {
        self.source = source
        self.group = group
        self.port = port
    }
}

/// What a ring received that it could not use.
package struct FeedRefusals: Hashable, Sendable, Codable {
    package internal(set) var notRTP: UInt64 = 0
    package internal(set) var otherPayloadTypes: UInt64 = 0
    /// Not a whole number of transport packets.
    package internal(set) var partialPayloads: UInt64 = 0
    /// Longer than a slot of the reordering buffer.
    package internal(set) var tooLarge: UInt64 = 0

    package init() {}
}

/// From datagrams to ring: RTP, order, loss. Used by the loop's thread alone.
struct StreamFeed {
    /// Room for late packets: a third of a second at 8 Mbit/s.
    private static let reorderWindow = 256
    private static let slotSize = 1500

    private(set) var statistics = ReceiverStatistics()
    private(set) var refusals = FeedRefusals()
    private(set) var lastArrival: Instant?
    private var reordering: ReorderBuffer
    private var store: RingStore

    init(_ configuration: RingIndex.Configuration, holdTime: Duration) throws(SystemError) {
        store = try RingStore(configuration)
        reordering = ReorderBuffer(capacity: Self.reorderWindow, slotSize: Self.slotSize, holdTime: holdTime)
    }

    var index: RingIndex { _read { yield store.index } }
    var memory: RingMemory { store.memory }
    var memoryFailures: UInt64 { store.failures }

    /// When `release` is due.
    var deadline: Instant? { reordering.deadline }

    /// Packets of other senders, repeated and too late ones are in `statistics`.
    mutating func take(_ datagram: RawSpan, now: Instant, wallNow: UnixTime) {
        guard let header = checkedHeader(datagram) else { return }
        let number: Int64
        switch statistics.receive(header, arrival: now) {
        case .accepted(let accepted): number = accepted
        case .restarted(let accepted):
            number = accepted
            reordering.flush { store.take($0, wallNow) }
            store.noteRestart()
        case .duplicate, .tooLate, .foreign, .unconfirmed: return
        }
        lastArrival = now
        reordering.insert(datagram, sequence: number, now: now) { store.take($0, wallNow) }
    }

    /// Gives up what has been waited for long enough.
    mutating func release(now: Instant, wallNow: UnixTime) {
        guard let deadline, deadline <= now else { return }
        reordering.release(now: now) { store.take($0, wallNow) }
    }

    private mutating func checkedHeader(_ datagram: RawSpan) -> RTPHeader? {
        guard datagram.byteCount <= Self.slotSize else {
            refusals.tooLarge &+= 1
            return nil
        }
        do throws(RTPError) {
            let packet = try RTPPacket(decoding: datagram)
            guard packet.header.payloadType == TransportPayload.payloadType else {
                refusals.otherPayloadTypes &+= 1
                return nil
            }
            guard TransportPayload.isValid(packet.payload) else {
                refusals.partialPayloads &+= 1
                return nil
            }
            return packet.header
        } catch {
            refusals.notRTP &+= 1
            return nil
        }
    }
}

/// Index and bytes of one ring.
struct RingStore {
    private(set) var index: RingIndex
    let memory: RingMemory
    /// Packets that could not be written.
    private(set) var failures: UInt64 = 0
    /// Of the packet stored last; does not wrap.
    private var sequence: Int64?

    init(_ configuration: RingIndex.Configuration) throws(SystemError) {
        index = RingIndex(configuration)
        memory = try RingMemory(capacity: configuration.capacity)
    }

    mutating func noteRestart() {
        sequence = nil
        index.noteRestart()
    }

    /// The next datagram in order, which was checked before.
    mutating func take(_ datagram: RawSpan, _ wallNow: UnixTime) {
        guard let packet = try? RTPPacket(decoding: datagram) else { return }
        let number = packet.header.sequence
        let own = sequence.map { $0 + Int64(number.sequenceDistance(from: UInt16(truncatingIfNeeded: $0))) }
        let next = own ?? Int64(number)
        sequence = next
        let position = index.append(packet.payload, header: packet.header, sequence: next, wallNow: wallNow)
        do throws(SystemError) {
            try memory.write(packet.payload, at: position)
        } catch {
            failures &+= 1
        }
    }
}
