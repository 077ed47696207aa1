import Clockwork
import MPEGTS
import RTP

/// What a restarted proxy must know to continue a rendition's RTP stream (RFC 3550 §5.1) and the transport stream in it.
package struct RenditionState: Hashable, Sendable, Codable {
    /// Even: RIST receivers take an odd one for a retransmission (VSF TR-06-1).
    package var ssrc: UInt32
    /// The sequence number of the next packet.
    package var sequence: UInt16
    /// What is added to the sender's clock to make timestamps.
    package var timestampOffset: UInt32
    package var continuity: ContinuityState

    package init(ssrc: UInt32, sequence: UInt16, timestampOffset: UInt32, continuity: ContinuityState = .init()) {
        self.ssrc = ssrc & ~1
        self.sequence = sequence
        self.timestampOffset = timestampOffset
        self.continuity = continuity
    }

    /// A stream that begins: SSRC and sequence number are drawn (RFC 3550 §5.1). Timestamps are the calendar in 90 kHz
    /// units, so that replication points cut segments alike; `now` and `wallNow` are the same moment on two clocks.
    package init(using generator: inout SeededGenerator, now: Instant, wallNow: UnixTime) {
        let calendar = UInt32(truncatingIfNeeded: wallNow.milliseconds &* (RTPClock.frequency / 1000))
        self.init(
            ssrc: UInt32.random(in: .min ... .max, using: &generator),
            sequence: UInt16.random(in: .min ... .max, using: &generator),
            timestampOffset: calendar &- RTPClock.timestamp(atNanoseconds: now.nanoseconds))
    }
}
