/// Joins the segments of one rendition into one continuous transport stream, and says when each packet is due.
///
///     conditioner.append(try TransportSegment(scanning: bytes, duration: …))
///     while let packet = conditioner.next(into: &buffer, at: offset, extrapolating: false) { … }
///
/// - Continuity counters run on from segment to segment; errors the source made inside a segment stay visible.
/// - PAT and PMT are sent before the first packet of each segment, whenever they change and at least every 100 ms.
/// - A jump of the clock is announced once by discontinuity_indicator.
/// - Null packets and the source's own tables are left out; their places in time are kept.
package struct TransportStreamConditioner: Sendable {
    package struct Counters: Hashable, Sendable, Codable {
        package internal(set) var packets: UInt64 = 0
        package internal(set) var nullPacketsDropped: UInt64 = 0
        package internal(set) var tablesSent: UInt64 = 0
        package internal(set) var clockDiscontinuities: UInt64 = 0
        package internal(set) var segmentsWithoutClock: UInt64 = 0
        /// Segments whose clock was not on the PID their map names.
        package internal(set) var segmentsWithMisplacedClock: UInt64 = 0
        /// Losses kept as silence, so that the programme's clock could go on.
        package internal(set) var silences: UInt64 = 0
        /// Gaps the source itself has inside a segment.
        package internal(set) var sourceContinuityErrors: UInt64 = 0
        /// Packets dropped because the source marks them as damaged.
        package internal(set) var transportErrors: UInt64 = 0
        package internal(set) var faults = SegmentFaults()

        package init() {}
    }

    package struct Packet: Sendable {
        /// Nanoseconds since the first packet, never going back.
        package let time: Int64
        package let hasClock: Bool
        /// The programme's clock has jumped here.
        package let isDiscontinuous: Bool
    }

    /// Tables are repeated so often that, their packets being early or late by some, 100 ms are never exceeded.
    package static let tableInterval: Int64 = 80_000_000

    struct CounterState: Sendable {
        /// The segment for which `offset` holds; zero for none yet.
        var segment: UInt32 = 0
        /// To be added to the source's counter.
        var offset: UInt8 = 0
        var lastInput: UInt8 = 0
        /// The counter the next packet with a payload must carry.
        var next: UInt8 = 0
        var isUsed = false
    }

    private var waiting: [TransportSegment] = []
    var current = TransportSegment()
    /// Position in `current`.
    var position = 0
    private var nextTable = 0
    private var segmentNumber: UInt32 = 0
    /// Packets of all segments taken out before `current`.
    var passed: Int64 = 0
    private var appended: Int64 = 0

    var timeline: Timeline
    package private(set) var clockPID: UInt16?
    var lastTime: Int64 = 0

    var tables: OutgoingTables
    /// Position in `tables.packets` of the packet to send next; nil while no tables are being sent.
    private var tablePosition: Int?
    var tablesAreDue = false
    private var lastTables = -tableInterval

    var counterStates = [CounterState](repeating: CounterState(), count: TransportPacket.pidCount)
    private var usedPIDs: [UInt16] = []
    var ownCounters = Counters()
    package private(set) var queuedBytes = 0

    /// Continues the stream that `state` was taken from.
    package init(continuing state: ContinuityState = ContinuityState()) {
        timeline = Timeline(continuing: !state.isEmpty)
        tables = OutgoingTables(state: state)
        for counter in state.counters where counter.pid < TransportPacket.nullPID {
            counterStates[Int(counter.pid)].next = counter.next & 0x0F
            use(Int(counter.pid))
        }
    }

    package var counters: Counters {
        var counters = ownCounters
        counters.clockDiscontinuities = timeline.discontinuities
        counters.segmentsWithoutClock = timeline.segmentsWithoutClock
        counters.silences = timeline.silences
        return counters
    }

    package var associationState: ContinuityState.Table? { tables.associationState }
    package var mapState: ContinuityState.Table? { tables.mapState }

    /// How many PIDs have been sent, and the counter of each in the order they came up.
    package var counterCount: Int { usedPIDs.count }

    package func counter(at index: Int) -> ContinuityState.Counter {
        let pid = usedPIDs[index]
        return ContinuityState.Counter(pid: pid, next: counterStates[Int(pid)].next)
    }

    package var state: ContinuityState {
        var state = ContinuityState()
        state.counters = (0..<counterCount).map(counter).sorted { $0.pid < $1.pid }
        state.association = tables.associationState
        state.map = tables.mapState
        return state
    }

    /// Whether packets wait that `next` would write, if need be by extrapolating.
    package var hasPackets: Bool { position < current.packetCount || !waiting.isEmpty }

    /// Nanoseconds of media that wait to be sent.
    package var queuedNanoseconds: Int64 { max(0, timeline.end - lastTime) }

    package mutating func append(_ segment: TransportSegment) {
        ownCounters.faults.add(segment.faults)
        queuedBytes += segment.bytes.count
        chooseClock(segment)
        timeline.append(segment, first: appended, clockPID: clockPID)
        appended += Int64(segment.packetCount)
        waiting.append(segment)
    }

    private mutating func chooseClock(_ segment: TransportSegment) {
        for entry in segment.tables {
            if case .map(let map) = entry.table { clockPID = map.clockPID }
        }
        guard let any = segment.references.first?.pid else { return }
        if let clockPID, segment.references.contains(where: { $0.pid == clockPID }) { return }
        if clockPID != nil { ownCounters.segmentsWithMisplacedClock += 1 }
        clockPID = any
    }

    /// Writes the next packet into `buffer` at `offset`, where 188 bytes must be. Nil when there is none, or when its
    /// time depends on a segment still to come; with `extrapolating` the last pace is assumed to go on.
    package mutating func next(into buffer: inout [UInt8], at offset: Int, extrapolating: Bool) -> Packet? {
        while true {
            guard takeSegmentIfNeeded() else { return nil }
            guard let due = timeline.due(passed + Int64(position), extrapolating: extrapolating) else { return nil }
            let time = max(due.time, lastTime)
            applyTables()
            if let packet = nextTablePacket(into: &buffer, at: offset, time: time, spacing: due.spacing) {
                lastTime = time
                return packet
            }
            if let packet = takePacket(due, into: &buffer, at: offset) { return packet }
        }
    }

    /// Copies the packet at `position`; nil when it is left out.
    mutating func takePacket(_ due: Timeline.Due, into buffer: inout [UInt8], at offset: Int) -> Packet? {
        let start = position * TransportPacket.size
        position += 1
        queuedBytes -= TransportPacket.size
        guard let hasClock = copyPacket(from: start, into: &buffer, at: offset) else { return nil }
        lastTime = max(due.time, lastTime)
        ownCounters.packets &+= 1
        if due.isDiscontinuous { announceDiscontinuity(in: &buffer, at: offset) }
        return Packet(time: lastTime, hasClock: hasClock, isDiscontinuous: due.isDiscontinuous)
    }

    mutating func takeSegmentIfNeeded() -> Bool {
        guard position >= current.packetCount else { return true }
        guard !waiting.isEmpty else { return false }
        passed += Int64(current.packetCount)
        current = waiting.removeFirst()
        position = 0
        nextTable = 0
        segmentNumber &+= 1
        tablesAreDue = true
        return true
    }

    // MARK: Tables

    /// Brings the tables up to date with the position; the first two of a segment are taken at once, because they stand
    /// behind its first packets but speak for all of them.
    mutating func applyTables() {
        while nextTable < current.tables.count,
            current.tables[nextTable].packet <= position || position == 0 && nextTable < 2
        {
            if tables.apply(current.tables[nextTable].table) { tablesAreDue = true }
            nextTable += 1
        }
    }

    mutating func nextTablePacket(
        into buffer: inout [UInt8], at offset: Int, time: Int64, spacing: Int64, onlyAtInterval: Bool = false
    ) -> Packet? {
        if tablePosition == nil {
            let isForced = tablesAreDue && !onlyAtInterval
            guard !tables.packets.isEmpty, isForced || time + spacing > lastTables + Self.tableInterval else {
                return nil
            }
            tablePosition = 0
            tablesAreDue = tablesAreDue && !isForced
            lastTables = time
            ownCounters.tablesSent &+= 1
        }
        guard let start = tablePosition else { return nil }
        copy(tables.packets, from: start, into: &buffer, at: offset)
        let pid = Int(UInt16(buffer[offset + 1] & 0x1F) << 8 | UInt16(buffer[offset + 2]))
        buffer[offset + 3] = 0x10 | counterStates[pid].next
        counterStates[pid].next = (counterStates[pid].next &+ 1) & 0x0F
        use(pid)
        let end = start + TransportPacket.size
        tablePosition = end < tables.packets.count ? end : nil
        ownCounters.packets &+= 1
        return Packet(time: time, hasClock: false, isDiscontinuous: false)
    }

    // MARK: Packets

    /// Copies a packet of the current segment and rewrites its counter; nil when it is left out. Answers whether the
    /// packet carries the programme's clock.
    mutating func copyPacket(from start: Int, into buffer: inout [UInt8], at offset: Int) -> Bool? {
        copy(current.bytes, from: start, into: &buffer, at: offset)
        let flags = buffer[offset + 1]
        let control = buffer[offset + 3]
        let pid = UInt16(flags & 0x1F) << 8 | UInt16(buffer[offset + 2])
        if pid == TransportPacket.nullPID {
            ownCounters.nullPacketsDropped &+= 1
            return nil
        }
        if flags & 0x80 != 0 {
            ownCounters.transportErrors &+= 1
            return nil
        }
        if !tables.packets.isEmpty, pid == ProgramAssociation.pid || pid == tables.mapPID { return nil }
        let hasAdaptation = control & 0x20 != 0 && (1...183).contains(buffer[offset + 4])
        let adaptationFlags = hasAdaptation ? buffer[offset + 5] : 0
        let counter = rewritten(
            control & 0x0F, pid: Int(pid), hasPayload: control & 0x10 != 0,
            isDiscontinuous: adaptationFlags & 0x80 != 0)
        buffer[offset + 3] = control & 0xF0 | counter
        return pid == clockPID && adaptationFlags & 0x10 != 0 && buffer[offset + 4] >= 7
    }

    /// Within a segment every counter is shifted by the same amount, so that what the source lost or repeated there can
    /// still be seen; the amount makes the segment's first packet fit the one before it.
    private mutating func rewritten(_ input: UInt8, pid: Int, hasPayload: Bool, isDiscontinuous: Bool) -> UInt8 {
        if counterStates[pid].segment != segmentNumber {
            let wanted = hasPayload ? counterStates[pid].next : counterStates[pid].next &- 1
            counterStates[pid].offset = counterStates[pid].isUsed ? (wanted &- input) & 0x0F : 0
            counterStates[pid].segment = segmentNumber
            use(pid)
        } else if !isDiscontinuous {
            let last = counterStates[pid].lastInput
            let isExpected = input == (hasPayload ? (last &+ 1) & 0x0F : last)
            // A repetition is allowed.
            if !isExpected, input != last { ownCounters.sourceContinuityErrors &+= 1 }
        }
        let output = (input &+ counterStates[pid].offset) & 0x0F
        counterStates[pid].lastInput = input
        counterStates[pid].next = (output &+ 1) & 0x0F
        return output
    }

    private mutating func use(_ pid: Int) {
        guard !counterStates[pid].isUsed else { return }
        counterStates[pid].isUsed = true
        usedPIDs.append(UInt16(truncatingIfNeeded: pid))
    }

    func announceDiscontinuity(in buffer: inout [UInt8], at offset: Int) {
        // A packet with a clock reference has the flags byte.
        buffer[offset + 5] |= 0x80
    }

    private func copy(_ source: [UInt8], from start: Int, into buffer: inout [UInt8], at offset: Int) {
        precondition(start >= 0 && start + TransportPacket.size <= source.count, "no packet there")
        precondition(offset >= 0 && offset + TransportPacket.size <= buffer.count, "no room for a packet")
        source.withUnsafeBytes { from in
            buffer.withUnsafeMutableBytes { into in
                // Safe: both ranges were checked above; the arrays are distinct.
                UnsafeMutableRawBufferPointer(rebasing: into[offset..<(offset + TransportPacket.size)])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: from[start..<(start + TransportPacket.size)]))
            }
        }
    }
}
