import Clockwork
import MPEGTS
import RTP

// How packets are put together and grouped.
extension RenditionPacer {
    /// The next train; nil when the input does not suffice for a packet.
    mutating func planTrain(now: Instant, extrapolating: Bool, closing: Bool = false) -> PacketTrain? {
        guard assembled != nil || assemble(extrapolating: extrapolating) else {
            isStarved = true
            return nil
        }
        guard let first = assembled else { return nil }
        let departure = depart(first, now: now)
        var train = PacketTrain(
            departure: departure, firstSequence: sequence &- 1, packetCount: 0, carriesClock: first.hasClock)
        isStarved = false
        var next = first
        repeat {
            seal(next)
            train.packetCount += 1
            guard !closing, assemble(extrapolating: extrapolating), let packet = assembled else { break }
            next = packet
        } while fits(next, into: train, startingAt: first.time)
        return train
    }

    /// Whether a packet may leave together with a train whose first packet belongs at `start`.
    private func fits(_ packet: AssembledPacket, into train: PacketTrain, startingAt start: Int64) -> Bool {
        train.packetCount < Self.packetsPerTrain && !packet.hasClock && !packet.hasJump
            && packet.time - start <= configuration.trainSpan.nanoseconds
            // Trains are one piece of memory, so one ends where the ring does.
            && slotOffset(sequence &- 1) != 0
    }

    /// When a train that begins with `packet` leaves. A departure that has passed moves the clock: what could not be
    /// sent in time is not sent faster.
    private mutating func depart(_ packet: AssembledPacket, now: Instant) -> Instant {
        guard let anchor else { return now }
        let planned = instant(of: packet.time, anchor)
        guard planned + configuration.lateness < now else { return planned }
        if isStarved { counters.stalls &+= 1 } else { counters.delays &+= 1 }
        let moved = isStarved ? now + configuration.preroll : now
        self.anchor = (packet.time, moved)
        marksNextPacket = true
        return moved
    }

    /// Writes the header of the assembled packet and clears the way for the next.
    private mutating func seal(_ packet: AssembledPacket) {
        assembled = nil
        let departure = anchor.map { instant(of: packet.time, $0).nanoseconds } ?? 0
        let header = RTPHeader(
            marker: marksNextPacket || packet.hasJump, payloadType: TransportPayload.payloadType,
            sequence: sequence &- 1,
            timestamp: state.timestampOffset &+ RTPClock.timestamp(atNanoseconds: departure), ssrc: state.ssrc)
        header.write(into: &ring, at: slotOffset(sequence &- 1))
        marksNextPacket = false
    }

    /// Fills the slot of `sequence` with seven transport packets; false when the input ends before.
    private mutating func assemble(extrapolating: Bool) -> Bool {
        guard assembled == nil else { return true }
        if smoothing != nil { return assembleSmoothed() }
        while filled < TransportPayload.packetsPerDatagram {
            let offset = payloadOffset(sequence, filled)
            guard let packet = conditioner.next(into: &ring, at: offset, extrapolating: extrapolating) else {
                guard extrapolating, filled > 0 else { return false }
                pad()
                return true
            }
            if filled > 0, packet.time - firstTime > Self.longestAssembly {
                carryOver(packet, from: offset)
                return true
            }
            take(packet)
        }
        complete()
        return true
    }

    private mutating func take(_ packet: TransportStreamConditioner.Packet) {
        if filled == 0 { firstTime = packet.time }
        if packet.hasClock, clockTime == nil { clockTime = packet.time }
        hasJump = hasJump || packet.isDiscontinuous
        lastTime = packet.time
        filled += 1
    }

    private mutating func complete() {
        // A clock reference leaves exactly when it says, those few packets before it a little late.
        assembled = AssembledPacket(time: clockTime ?? firstTime, hasClock: clockTime != nil, hasJump: hasJump)
        sequence &+= 1
        filled = 0
        clockTime = nil
        hasJump = false
    }

    /// Ends the packet with null packets.
    mutating func pad() {
        while filled < TransportPayload.packetsPerDatagram {
            writeNull(at: payloadOffset(sequence, filled))
            counters.paddingPackets &+= 1
            filled += 1
        }
        complete()
    }

    mutating func writeNull(at offset: Int) {
        for index in 0..<TransportPacket.size { ring[offset + index] = 0xFF }
        for (index, byte) in Self.nullHeader.enumerated() { ring[offset + index] = byte }
    }

    private static let nullHeader: [UInt8] = [0x47, 0x1F, 0xFF, 0x10]

    /// A packet that belongs much later begins the next RTP packet; it was written into this one.
    private mutating func carryOver(_ packet: TransportStreamConditioner.Packet, from offset: Int) {
        let target = payloadOffset(sequence &+ 1, 0)
        for index in 0..<TransportPacket.size { ring[target + index] = ring[offset + index] }
        pad()
        take(packet)
    }

    func payloadOffset(_ sequence: UInt16, _ position: Int) -> Int {
        slotOffset(sequence) + RTPHeader.size + position * TransportPacket.size
    }
}
