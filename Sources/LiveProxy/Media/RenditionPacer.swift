import Clockwork
import MPEGTS
import RTP

/// Turns the segments of one rendition into RTP packets, grouped in trains, each with the instant at which it must leave.
///
///     pacer.append(segment, now: now)
///     while let deadline = pacer.deadline {              // sleep until then
///         if let train = pacer.takeTrain(now: now) {     // nil: only the plan has changed
///             pacer.withBytes(of: train) { socket.sendTrain($0, segmentSize: TransportPayload.datagramSize) }
///         }
///     }
///
/// A train is a run of packets that leave by one call. It spans at most `trainSpan` of the rendition, and a packet that
/// carries a clock reference begins one, so that it leaves when the reference says. When input came late the clock is
/// moved, never caught up. Packets lie in a ring, a slot a sequence number; nothing is allocated per packet.
package struct RenditionPacer: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// No packet leaves earlier than this before its time.
        package var trainSpan = Duration.milliseconds(5)
        /// Between the first byte of input, also after a stall, and the first packet.
        package var preroll = Duration.milliseconds(50)
        /// A sender that wakes up later than this moves the clock instead of sending faster.
        package var lateness = Duration.milliseconds(10)
        /// Nil sends each packet when the source's clock says.
        package var smoothing: SmoothingConfiguration?
        /// A power of two, at least 64; all packets are of `TransportPayload.datagramSize`.
        package var ringPackets = 256

        package init() {}
    }

    package struct Counters: Hashable, Sendable, Codable {
        package internal(set) var packets: UInt64 = 0
        package internal(set) var bytes: UInt64 = 0
        package internal(set) var trains: UInt64 = 0
        /// Null packets that fill a last packet up.
        package internal(set) var paddingPackets: UInt64 = 0
        /// Times the input came too late and the clock was moved.
        package internal(set) var stalls: UInt64 = 0
        /// Times the sender itself came too late and the clock was moved.
        package internal(set) var delays: UInt64 = 0
        /// Null packets and clock references that keep the rate even.
        package internal(set) var stuffingPackets: UInt64 = 0

        package init() {}
    }

    /// The kernel's limits on one send (UDP_SEGMENT): 64 segments and 65,507 bytes.
    package static let packetsPerTrain = min(64, 65_507 / TransportPayload.datagramSize)
    /// An RTP packet is not held open for longer than this; the rest of it is null packets.
    static let longestAssembly: Int64 = 100_000_000

    package let configuration: Configuration
    package internal(set) var counters = Counters()
    /// The train to be sent next.
    package internal(set) var train: PacketTrain?

    let state: RenditionState
    var conditioner: TransportStreamConditioner
    var smoothing: SlotState?
    var ring: [UInt8]

    // The packet being put together, in the slot of `sequence`.
    var sequence: UInt16
    var filled = 0
    var firstTime: Int64 = 0
    var clockTime: Int64?
    var lastTime: Int64 = 0
    var hasJump = false
    /// A whole packet that is in no train yet; its sequence number is the one before `sequence`.
    var assembled: AssembledPacket?

    /// Which instant belongs to which moment of the conditioner's line.
    var anchor: (time: Int64, instant: Instant)?
    var isStarved = false
    /// Timestamps do not simply go on from the packet before.
    var marksNextPacket = true

    struct AssembledPacket: Sendable {
        /// Where the packet's clock reference, or else its first byte, belongs on the conditioner's line.
        let time: Int64
        let hasClock: Bool
        let hasJump: Bool
    }

    package init(continuing state: RenditionState, configuration: Configuration = Configuration()) {
        precondition(
            configuration.ringPackets >= 64 && configuration.ringPackets.nonzeroBitCount == 1,
            "the ring holds a power of two, at least 64")
        self.configuration = configuration
        self.state = state
        sequence = state.sequence
        conditioner = TransportStreamConditioner(continuing: state.continuity)
        smoothing = configuration.smoothing.map { SlotState(smoother: RateSmoother($0)) }
        ring = [UInt8](repeating: 0, count: configuration.ringPackets * TransportPayload.datagramSize)
    }

    /// What a successor needs to continue as if everything planned so far had been sent.
    package var continuation: RenditionState {
        RenditionState(
            ssrc: state.ssrc, sequence: nextSequence, timestampOffset: state.timestampOffset,
            continuity: conditioner.state)
    }

    /// A packet that was begun counts: the counters of its contents are used up.
    var nextSequence: UInt16 { filled > 0 ? sequence &+ 1 : sequence }

    package var conditionerCounters: TransportStreamConditioner.Counters { conditioner.counters }
    package var queuedBytes: Int { conditioner.queuedBytes }
    package var queued: Duration { .nanoseconds(conditioner.queuedNanoseconds) }

    /// When `takeTrain` is due; nil while there is nothing to send.
    package var deadline: Instant? {
        if let train { return train.departure }
        guard let anchor else { return nil }
        if let smoothing { return isStarved ? nil : instant(of: smoothing.slot, anchor) }
        if conditioner.hasPackets { return instant(of: lastTime, anchor) }
        // What fills a packet in part leaves when it is due, with or without company.
        return filled > 0 ? instant(of: firstTime, anchor) : nil
    }

    package mutating func append(_ segment: TransportSegment, now: Instant) {
        if anchor == nil { anchor = (0, now + configuration.preroll) }
        conditioner.append(segment)
        resumeSlots(now: now)
        if train == nil { train = planTrain(now: now, extrapolating: false) }
    }

    /// The train that is due at `now`, if any, and plans the next. It stays in the ring until `ringPackets` later ones.
    package mutating func takeTrain(now: Instant) -> PacketTrain? {
        if train == nil {
            train = planTrain(now: now, extrapolating: false)
            if train == nil, let deadline, deadline <= now { train = planTrain(now: now, extrapolating: true) }
        }
        guard let due = train, due.departure <= now else { return nil }
        counters.trains &+= 1
        counters.packets &+= UInt64(due.packetCount)
        counters.bytes &+= UInt64(due.byteCount)
        train = planTrain(now: now, extrapolating: false)
        return due
    }

    /// Ends the stream: whatever was begun is filled up and returned to be sent at once; then `continuation` is exact.
    package mutating func finish(now: Instant) -> [PacketTrain] {
        var last: [PacketTrain] = []
        if let train { last.append(train) }
        train = nil
        if assembled != nil, let train = planTrain(now: now, extrapolating: false, closing: true) { last.append(train) }
        if filled > 0 {
            pad()
            if let train = planTrain(now: now, extrapolating: false, closing: true) { last.append(train) }
        }
        for train in last {
            counters.trains &+= 1
            counters.packets &+= UInt64(train.packetCount)
            counters.bytes &+= UInt64(train.byteCount)
        }
        return last
    }

    /// The bytes of a train: `packetCount` datagrams of equal size, one behind the other.
    package func withBytes<Result>(
        of train: PacketTrain, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let start = slotOffset(train.firstSequence)
        return try ring.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + train.byteCount)]))
        }
    }

    func slotOffset(_ sequence: UInt16) -> Int {
        (Int(sequence) & (configuration.ringPackets - 1)) * TransportPayload.datagramSize
    }

    func instant(of time: Int64, _ anchor: (time: Int64, instant: Instant)) -> Instant {
        Instant(nanoseconds: anchor.instant.nanoseconds &+ (time - anchor.time))
    }
}

/// A run of packets that leave together, in one piece of the ring.
package struct PacketTrain: Hashable, Sendable {
    package let departure: Instant
    package let firstSequence: UInt16
    package internal(set) var packetCount: Int
    /// The first packet carries a clock reference: it must not be kept waiting.
    package let carriesClock: Bool

    package var byteCount: Int { packetCount * TransportPayload.datagramSize }
}
