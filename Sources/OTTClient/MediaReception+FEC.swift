import Clockwork
import ControlProtocol
import RTP
import Repair

extension MediaReception.Configuration {
    /// Packets by which datagrams may overtake one another without a repaired stream's being given up.
    private static let disorder = 64
    /// No server makes us wait longer.
    private static let longestHold = Duration.seconds(10)

    /// For a rendition with repair packets, or without when nil.
    package init(repairing fec: ForwardErrorCorrection?) {
        self.init()
        guard let fec else { return }
        repair = FECDecoder.Configuration()
        holdTime = min(max(holdTime, .milliseconds(fec.latency)), Self.longestHold)
        // Further behind, no repair packet that could mend is still to come.
        reorderWindow = fec.matrix.repairSpan + Self.disorder
    }
}

extension MediaReception {
    /// Takes a datagram of one of the two ports for repair packets, and delivers what it mends as if it had arrived.
    package mutating func receiveRepair(_ datagram: RawSpan, now: Instant, deliver: (RawSpan) -> Void) {
        tick(now: now, deliver: deliver)
        withDecoder { decoder, reception in
            // A malformed one is in the decoder's counters.
            try? decoder.receive(repair: datagram) { reception.takeMended($1, $0, now, deliver) }
        }
    }

    /// A media packet that arrived may be the last but one that a repair packet waited for.
    mutating func helpMending(_ datagram: RawSpan, _ number: Int64, _ now: Instant, _ deliver: (RawSpan) -> Void) {
        withDecoder { decoder, reception in
            decoder.receive(media: datagram, sequence: number) { reception.takeMended($1, $0, now, deliver) }
        }
    }

    /// Lends the decoder out, so that what it mends can be put in its place meanwhile.
    private mutating func withDecoder(_ body: (inout FECDecoder, inout MediaReception) -> Void) {
        guard var decoder = fec.take() else { return }
        body(&decoder, &self)
        fec = decoder
    }

    /// `number` is the group's own.
    private mutating func takeMended(
        _ packet: RawSpan, _ number: Int64, _ now: Instant, _ deliver: (RawSpan) -> Void
    ) {
        guard let payload = Self.mended(packet, refusals: &refusals), statistics.mend(number) else { return }
        let sequence = handover?.place(ofGroup: number) ?? number
        if !burstHasBrought(sequence) { place(payload, sequence, now, deliver) }
    }

    /// The payload of a mended packet, checked like that of a received one and more strictly: parity over packets that
    /// were not all meant yields bytes of the right length and no sense.
    @_lifetime(copy packet)
    private static func mended(_ packet: RawSpan, refusals: inout DatagramRefusals) -> RawSpan? {
        guard let parsed = try? RTPPacket(decoding: packet),
            parsed.header.payloadType == TransportPayload.payloadType, TransportPayload.isAligned(parsed.payload)
        else {
            refusals.mendedToNonsense &+= 1
            return nil
        }
        return parsed.payload
    }
}
