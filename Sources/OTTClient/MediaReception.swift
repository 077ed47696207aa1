import Clockwork
import MPEGTS
import RTP
import Repair

/// What a client does with the datagrams of one rendition: RTP, statistics, order, transport stream.
///
///     reception.receive(datagram, now: now) { packets in sink.write(packets) }
///     reception.receiveRepair(datagram, now: now) { … }  // of the ports beside the media's
///     reception.tick(now: now) { … }                     // when `deadline` has come
///     reception.receiveBurst(packet, now: now) { … }     // while `wantsBurst`
///     let report = reception.report(now: now)            // at any time
///
/// `deliver` is handed whole transport packets in order, from the first place where a decoder can begin, the tables before
/// it; the spans are valid during the call only.
package struct MediaReception: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// How long a missing packet is waited for.
        package var holdTime = Duration.milliseconds(100)
        /// How many packets may wait behind a missing one.
        package var reorderWindow = 512
        /// How long the stream is held back until a decoder can begin with it; zero passes everything on. Packagers put
        /// such a place at the start of every segment, and few segments are longer.
        package var longestStartWait = Duration.seconds(10)
        /// Whether a burst from the replication point is coming ahead of the group (fast channel change).
        package var expectsBurst = false
        /// How many of the group's packets may wait for the burst: two seconds at 20 Mbit/s.
        package var burstWindow = 4096
        /// Whether repair packets are received; nil takes no memory for them.
        package var repair: FECDecoder.Configuration?

        package init() {}
    }

    package let started: Instant
    var statistics = ReceiverStatistics()
    var reordering: ReorderBuffer
    var delivered: DeliveredStream
    /// Nil when no burst was asked for.
    var handover: BurstHandover?
    let holdTime: Duration
    var refusals = DatagramRefusals()
    /// Forward error correction; see `receiveRepair`.
    var fec: FECDecoder?
    private(set) var datagrams: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    private(set) var firstPacket: Instant?
    private(set) var lastPacket: Instant?

    /// `now` is the moment the group was joined: the first packet's delay counts from there.
    package init(configuration: Configuration = Configuration(), now: Instant) {
        started = now
        holdTime = configuration.holdTime
        fec = configuration.repair.map { FECDecoder(configuration: $0) }
        delivered = DeliveredStream(longestStartWait: configuration.longestStartWait)
        let window = max(configuration.reorderWindow, configuration.expectsBurst ? configuration.burstWindow : 0)
        reordering = ReorderBuffer(capacity: window, slotSize: TransportPayload.size, holdTime: configuration.holdTime)
        if configuration.expectsBurst { awaitBurst(now) }
    }

    /// When `tick` is due.
    package var deadline: Instant? { .earliest(reordering.deadline, handover?.deadline) }

    package mutating func receive(_ datagram: RawSpan, now: Instant, deliver: (RawSpan) -> Void) {
        tick(now: now, deliver: deliver)
        datagrams &+= 1
        bytes &+= UInt64(datagram.byteCount)
        decode(datagram) { reception, header, payload in reception.take(payload, header, datagram, now, deliver) }
    }

    /// Gives up what has been waited for long enough.
    package mutating func tick(now: Instant, deliver: (RawSpan) -> Void) {
        guard let deadline, deadline <= now else { return }
        expireBurst(now, deliver)
        reordering.release(now: now) { delivered.pass($0, now: now, deliver: deliver) }
    }

    /// Delivers what still waits; the session is over.
    package mutating func finish(deliver: (RawSpan) -> Void) {
        let now = lastPacket ?? started
        handover?.end(.ended, now)
        reordering.flush { delivered.pass($0, now: now, deliver: deliver) }
    }

    /// Hands on header and payload of a packet that holds our kind of media.
    mutating func decode(_ bytes: RawSpan, _ use: (inout MediaReception, RTPHeader, RawSpan) -> Void) {
        do throws(RTPError) {
            let packet = try RTPPacket(decoding: bytes)
            guard packet.header.payloadType == TransportPayload.payloadType else {
                refusals.otherPayloadTypes &+= 1
                return
            }
            guard TransportPayload.isValid(packet.payload) else {
                refusals.partialPayloads &+= 1
                return
            }
            use(&self, packet.header, packet.payload)
        } catch {
            refusals.notRTP &+= 1
        }
    }

    private mutating func take(
        _ payload: RawSpan, _ header: RTPHeader, _ datagram: RawSpan, _ now: Instant, _ deliver: (RawSpan) -> Void
    ) {
        let number: Int64
        let sequence: Int64
        switch statistics.receive(header, arrival: now) {
        case .accepted(let accepted):
            number = accepted
            sequence = numberBehindBurst(number, header, now, deliver)
        case .restarted(let first):
            number = first
            sequence = first
            fec?.reset()
            beginAnew(now, deliver)
        case .duplicate, .tooLate, .foreign, .unconfirmed: return
        }
        if firstPacket == nil { firstPacket = now }
        lastPacket = now
        if burstHasBrought(sequence) {
            settleBurst(now, deliver)
        } else {
            place(payload, sequence, now, deliver)
        }
        helpMending(datagram, number, now, deliver)
    }

    /// Puts a packet of either way in its place, and passes on what is in order.
    mutating func place(_ payload: RawSpan, _ sequence: Int64, _ now: Instant, _ deliver: (RawSpan) -> Void) {
        let skipped = reordering.counters.skipped
        reordering.insert(payload, sequence: sequence, now: now) { delivered.pass($0, now: now, deliver: deliver) }
        guard wantsBurst else { return }
        if reordering.counters.skipped != skipped { handover?.noteGap(now: now) }
        settleBurst(now, deliver)
    }
}

/// The stream as it is passed on.
struct DeliveredStream: Sendable {
    private(set) var checker = ContinuityChecker()
    private(set) var bytes: UInt64 = 0
    private(set) var start: StreamStart

    init(longestStartWait: Duration) {
        start = StreamStart(longestWait: longestStartWait)
    }

    mutating func pass(_ packets: RawSpan, now: Instant, deliver: (RawSpan) -> Void) {
        start.pass(packets, now: now) { passed in
            checker.check(passed)
            bytes &+= UInt64(passed.byteCount)
            deliver(passed)
        }
    }
}

/// Datagrams that are not what we joined for.
package struct DatagramRefusals: Hashable, Sendable, Codable {
    package internal(set) var notRTP: UInt64 = 0
    package internal(set) var otherPayloadTypes: UInt64 = 0
    /// Not a whole number of transport packets.
    package internal(set) var partialPayloads: UInt64 = 0
    /// Mended by forward error correction into what is no MPEG-TS in RTP.
    package internal(set) var mendedToNonsense: UInt64 = 0

    package init() {}

    private enum CodingKeys: String, CodingKey {
        // Kebab case would make "not-r-t-p" of it.
        case notRTP = "notRtp"
        case otherPayloadTypes, partialPayloads, mendedToNonsense
    }

    package var total: UInt64 { notRTP &+ otherPayloadTypes &+ partialPayloads &+ mendedToNonsense }
}
