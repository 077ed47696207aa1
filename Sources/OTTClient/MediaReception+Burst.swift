import Clockwork
import RTP

// A burst from the replication point ahead of the group: what `BurstHandover` decides, done to the reorder buffer.
extension MediaReception {
    /// Whether the burst is still of use; otherwise its connection may be closed.
    package var wantsBurst: Bool { handover.map { !$0.isOver } ?? false }

    /// Takes a packet of the burst, without its framing.
    package mutating func receiveBurst(_ packet: RawSpan, now: Instant, deliver: (RawSpan) -> Void) {
        tick(now: now, deliver: deliver)
        decode(packet) { reception, header, payload in reception.takeBurst(payload, header, now, deliver) }
    }

    /// The burst's connection was closed, or refused.
    package mutating func burstEnded(now: Instant, deliver: (RawSpan) -> Void) {
        guard let handover, !handover.isOver else { return }
        self.handover?.end(handover.isAwaited ? .noAnswer : .ended, now)
        settleBurst(now, deliver)
    }

    mutating func awaitBurst(_ now: Instant) {
        handover = BurstHandover(now: now)
        reordering.hold()
        // The burst decides how long the group's packets wait, and ends in bounded time.
        reordering.holdTime = BurstHandover.Configuration().totalLimit
    }

    mutating func expireBurst(_ now: Instant, _ deliver: (RawSpan) -> Void) {
        handover?.expire(now: now)
        settleBurst(now, deliver)
    }

    /// The number under which a packet of the group takes its place behind a burst.
    mutating func numberBehindBurst(
        _ number: Int64, _ header: RTPHeader, _ now: Instant, _ deliver: (RawSpan) -> Void
    ) -> Int64 {
        guard handover != nil else { return number }
        if let shifted = handover?.number(ofGroup: number, ssrc: header.ssrc, now: now) { return shifted }
        beginAnew(now, deliver)
        return number
    }

    /// Nothing that came before has to do with what follows.
    mutating func beginAnew(_ now: Instant, _ deliver: (RawSpan) -> Void) {
        finish(deliver: deliver)
        handover?.forgetGroup()
        settleBurst(now, deliver)
    }

    /// What the burst has brought already is neither a duplicate of the group's nor too late.
    func burstHasBrought(_ sequence: Int64) -> Bool {
        guard let handover, let next = reordering.next else { return false }
        return handover.hasPassed(sequence) && sequence < next
    }

    /// Once the burst is over, the group's packets wait no longer for it than for each other.
    mutating func settleBurst(_ now: Instant, _ deliver: (RawSpan) -> Void) {
        handover?.settle(next: reordering.next, now: now)
        guard let handover, handover.isOver, reordering.holdTime != holdTime else { return }
        reordering.holdTime = holdTime
        reordering.release(now: now) { delivered.pass($0, now: now, deliver: deliver) }
    }

    private mutating func takeBurst(
        _ payload: RawSpan, _ header: RTPHeader, _ now: Instant, _ deliver: (RawSpan) -> Void
    ) {
        guard let sequence = handover?.number(ofBurst: header, groupSSRC: statistics.ssrc, now: now) else {
            return settleBurst(now, deliver)
        }
        reordering.begin(at: sequence) { delivered.pass($0, now: now, deliver: deliver) }
        // A byte stream keeps order: what the burst has left out it will not bring.
        reordering.skip(to: sequence) { delivered.pass($0, now: now, deliver: deliver) }
        guard let next = reordering.next else {
            handover?.noteGap(now: now)
            return settleBurst(now, deliver)
        }
        guard sequence >= next, !reordering.holds(sequence) else {
            handover?.noteDuplicate()
            return settleBurst(now, deliver)
        }
        handover?.noteArrival(of: sequence)
        place(payload, sequence, now, deliver)
    }
}
