// For a sender that chooses itself when packets leave: it asks what may leave in the slot at hand.
extension TransportStreamConditioner {
    /// Writes into `buffer` at `offset` the next packet whose time has come by `slot`, on the line of packet times, or our
    /// tables where they are due before the slot after this one, `spacing` later. Nil when there is neither. A packet's
    /// `time` is the source's; the last known pace is assumed to go on where only a reference to come could tell.
    package mutating func next(
        into buffer: inout [UInt8], at offset: Int, slot: Int64, spacing: Int64
    ) -> Packet? {
        while true {
            let due = takeSegmentIfNeeded() ? timeline.due(passed + Int64(position), extrapolating: true) : nil
            guard let due, max(due.time, lastTime) <= slot else {
                return nextTablePacket(into: &buffer, at: offset, time: slot, spacing: spacing, onlyAtInterval: true)
            }
            applyTables()
            if let packet = nextTablePacket(into: &buffer, at: offset, time: slot, spacing: spacing) { return packet }
            if let packet = takePacket(due, into: &buffer, at: offset) { return packet }
        }
    }

    /// The time of the next packet, as far as it can be told; nil when there is none.
    package mutating func nextTime() -> Int64? {
        guard takeSegmentIfNeeded() else { return nil }
        return timeline.due(passed + Int64(position), extrapolating: true).map { max($0.time, lastTime) }
    }

    /// Where the known references end.
    package var end: Int64 { max(timeline.end, lastTime) }

    /// Calls `body` for each known clock reference to come with how many packets stand before it and its time.
    package func forEachReferenceAhead(until limit: Int64, _ body: (_ packets: Int64, _ time: Int64) -> Void) {
        timeline.forEachPoint(after: passed + Int64(position), until: limit, body)
    }

    /// Sends the tables with the next packet: what comes does not follow on what was sent.
    package mutating func repeatTables() { tablesAreDue = true }

    /// Writes a packet that carries nothing but the programme's clock; false where none may be written yet, because the
    /// clock's PID has not begun.
    package mutating func writeClock(
        _ clock: ProgramClockReference, into buffer: inout [UInt8], at offset: Int
    ) -> Bool {
        guard let clockPID, counterStates[Int(clockPID)].isUsed else { return false }
        for index in offset..<(offset + TransportPacket.size) { buffer[index] = 0xFF }
        buffer[offset] = TransportPacket.syncByte
        buffer[offset + 1] = UInt8(truncatingIfNeeded: clockPID >> 8)
        buffer[offset + 2] = UInt8(truncatingIfNeeded: clockPID)
        // Without a payload the counter stands still (ISO/IEC 13818-1 §2.4.3.3).
        buffer[offset + 3] = 0x20 | (counterStates[Int(clockPID)].next &- 1) & 0x0F
        buffer[offset + 4] = 183
        buffer[offset + 5] = 0x10
        clock.write(into: &buffer, at: offset)
        ownCounters.packets &+= 1
        return true
    }
}

extension ProgramClockReference {
    /// The clock of the packet at `offset`, which must carry one.
    package init(in buffer: [UInt8], at offset: Int) {
        let high = (6...9).reduce(Int64(0)) { $0 << 8 | Int64(buffer[offset + $1]) }
        let base = high << 1 | Int64(buffer[offset + 10] >> 7)
        self.init(ticks: base * 300 + (Int64(buffer[offset + 10] & 1) << 8 | Int64(buffer[offset + 11])))
    }

    /// Replaces the clock of the packet at `offset`, which must carry one.
    package func write(into buffer: inout [UInt8], at offset: Int) {
        for (index, byte) in encoded.enumerated() { buffer[offset + 6 + index] = byte }
    }

    package func advanced(byNanoseconds nanoseconds: Int64) -> ProgramClockReference {
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let moved = ticks + seconds * Self.frequency + rest * 27 / 1000
        return ProgramClockReference(ticks: (moved % Self.modulus + Self.modulus) % Self.modulus)
    }
}
