import Clockwork
import MPEGTS
import RTP

/// The even row of slots in which a smoothed rendition's datagrams leave, on the conditioner's line.
struct SlotState: Sendable {
    /// Clock references are repeated by ourselves where the source's lie farther apart than this once moved.
    static let clockInterval: Int64 = 80_000_000

    var smoother: RateSmoother
    /// Of the next datagram.
    var slot: Int64 = 0
    /// What the programme's clock shows at the line's zero; nil before its first reference.
    var origin: ProgramClockReference?
    /// The slot of the last clock reference sent.
    var lastClock = Int64.min / 2
    /// The programme's clock goes back with the next reference, because the line was interrupted.
    var isInterrupted = false
    /// By how much the last packet of the source left after its time.
    var delay: Int64 = 0
    var longestDelay: Int64 = 0

    init(smoother: RateSmoother) {
        self.smoother = smoother
    }

    /// What the programme's clock must show in the slot: `delay` behind, so that no packet is later than its clock says.
    var clock: ProgramClockReference? { origin?.advanced(byNanoseconds: slot - smoother.delay) }
}

/// How evenly a rendition is being sent.
package struct SmoothingStatus: Hashable, Sendable {
    /// By how much packets leave after the source's time, last and at most, and the bound.
    package var delay: Duration
    package var longestDelay: Duration
    package var delayLimit: Duration
    /// Bits of transport packets a second, now and as the running mean.
    package var rate: Int
    package var meanRate: Int
    /// Times the rate had to leave the fifth around the mean.
    package var excursions: UInt64
}

// Where a rate is set instead of taken from the source: datagrams leave in slots of equal length, filled with what may
// leave by then, and clock references are written anew for the slot they leave in.
extension RenditionPacer {
    /// Nil where each packet leaves at the source's own pace.
    package var smoothingStatus: SmoothingStatus? {
        smoothing.map { state in
            let bits = Double(TransportPacket.size * 8)
            return SmoothingStatus(
                delay: .nanoseconds(state.delay), longestDelay: .nanoseconds(state.longestDelay),
                delayLimit: .nanoseconds(state.smoother.delay), rate: Int(state.smoother.rate * bits),
                meanRate: Int(state.smoother.mean * bits), excursions: state.smoother.excursions)
        }
    }

    /// After a stall the line begins anew where the input does: what was late stays late, and nothing is caught up.
    mutating func resumeSlots(now: Instant) {
        guard let anchor, let slot = smoothing?.slot, isStarved, train == nil,
            instant(of: slot, anchor) + configuration.lateness < now, let next = conditioner.nextTime()
        else { return }
        counters.stalls &+= 1
        smoothing?.slot = next
        smoothing?.smoother.restart()
        smoothing?.isInterrupted = true
        smoothing?.lastClock = .min / 2
        conditioner.repeatTables()
        self.anchor = (next, now + configuration.preroll)
        marksNextPacket = true
        isStarved = false
    }

    /// Fills the next slot; false when everything has been sent and the longest delay has passed without more.
    mutating func assembleSmoothed() -> Bool {
        guard let slot = smoothing?.slot else { return false }
        guard conditioner.hasPackets || slot < conditioner.end + (smoothing?.smoother.delay ?? 0) else { return false }
        chooseRate(at: slot)
        let spacing = smoothing?.smoother.spacing ?? 0
        var hasClock = writeOwnClock(spacing: spacing)
        hasJump = false
        while filled < TransportPayload.packetsPerDatagram {
            let offset = payloadOffset(sequence, filled)
            if let packet = conditioner.next(into: &ring, at: offset, slot: slot, spacing: spacing) {
                take(packet, at: offset, hasClock: &hasClock)
            } else {
                writeNull(at: offset)
                counters.stuffingPackets &+= 1
            }
            filled += 1
        }
        assembled = AssembledPacket(time: slot, hasClock: hasClock, hasJump: hasJump)
        sequence &+= 1
        filled = 0
        hasJump = false
        smoothing?.slot = slot + spacing
        return true
    }

    private mutating func chooseRate(at slot: Int64) {
        guard smoothing?.smoother.needsChoice(at: slot) == true else { return }
        let next = conditioner.nextTime() ?? slot
        // Taken out while it is told, so that nothing of it is copied.
        guard var slots = smoothing.take() else { return }
        slots.smoother.beginDemand(at: next - slot)
        conditioner.forEachReferenceAhead(until: slot + DemandForecast.horizon) { packets, time in
            slots.smoother.add(packets: packets, at: time - slot)
        }
        slots.smoother.choose(at: slot)
        smoothing = slots
    }

    private mutating func writeOwnClock(spacing: Int64) -> Bool {
        // After an interruption the source's own reference speaks first: its time base may be another one.
        guard let state = smoothing, let clock = state.clock, !state.isInterrupted,
            state.slot + spacing > state.lastClock + SlotState.clockInterval,
            conditioner.writeClock(clock, into: &ring, at: payloadOffset(sequence, filled))
        else { return false }
        smoothing?.lastClock = state.slot
        counters.stuffingPackets &+= 1
        filled += 1
        return true
    }

    private mutating func take(
        _ packet: TransportStreamConditioner.Packet, at offset: Int, hasClock: inout Bool
    ) {
        guard var state = smoothing.take() else { return }
        hasJump = hasJump || packet.isDiscontinuous
        // Our own tables carry the slot as their time.
        if packet.time < state.slot || packet.hasClock {
            state.delay = state.slot - packet.time
            state.longestDelay = max(state.longestDelay, state.delay)
        }
        if packet.hasClock {
            let own = ProgramClockReference(in: ring, at: offset)
            state.origin = own.advanced(byNanoseconds: -packet.time)
            state.clock?.write(into: &ring, at: offset)
            if state.isInterrupted { ring[offset + 5] |= 0x80 }
            state.isInterrupted = false
            state.lastClock = state.slot
            hasClock = true
        }
        smoothing = state
    }
}
