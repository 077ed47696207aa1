/// When each input packet is due: linear between clock references, re-anchored at each of them.
///
/// Times are nanoseconds of one unbroken line that begins at zero with the first packet; where the programme's clock
/// jumps the line goes on at the pace it had. Packets are numbered from zero over all segments.
struct Timeline: Sendable {
    struct Point: Sendable {
        let packet: Int64
        let time: Int64
        let isDiscontinuous: Bool
    }

    /// Two references farther apart are not of one time base; the standard asks for one every 100 ms.
    static let longestStep: Int64 = 1_000_000_000
    /// The longest time across a jump, where only the pace before it says how long the packets take.
    static let longestBridge: Int64 = 200_000_000
    /// Lost media is kept as silence up to this; a longer hole is cut out.
    static let longestSilence: Int64 = 10_000_000_000

    private(set) var discontinuities: UInt64 = 0
    private(set) var silences: UInt64 = 0
    private(set) var segmentsWithoutClock: UInt64 = 0

    private var points: [Point] = []
    private var head = 0
    private var lastClock: ProgramClockReference?
    /// Pace of the last pair of references.
    private var pace = (nanoseconds: Int64(0), packets: Int64(1))
    private var breaksAtNextReference: Bool

    /// `continuing` says that another sender's stream is being continued: its clock cannot be ours.
    init(continuing: Bool) {
        breaksAtNextReference = continuing
    }

    /// Takes the references of the next segment, whose first packet has the number `first`.
    mutating func append(_ segment: TransportSegment, first: Int64, clockPID: UInt16?) {
        points.removeFirst(head)
        head = 0
        if segment.isDiscontinuous { breaksAtNextReference = true }
        var silence = segment.missingBefore.nanosecondsClamped
        if silence > Self.longestSilence {
            silence = 0
            breaksAtNextReference = true
        }
        let usable = segment.references.filter { $0.pid == clockPID }
        guard !usable.isEmpty else { return appendWithoutClock(segment, first: first) }
        for reference in usable {
            take(reference, packet: first + Int64(reference.packet), segmentStart: first, silence: silence)
            silence = 0
        }
    }

    private mutating func take(
        _ reference: TransportSegment.Reference, packet: Int64, segmentStart: Int64, silence: Int64
    ) {
        let previous = points.last
        defer { lastClock = reference.clock }
        guard let previous else {
            if breaksAtNextReference { discontinuities += 1 }
            points.append(Point(packet: packet, time: 0, isDiscontinuous: breaksAtNextReference))
            breaksAtNextReference = false
            return
        }
        let packets = packet - previous.packet
        if let lastClock, !breaksAtNextReference, !reference.isDiscontinuous {
            let step = ProgramClockReference.nanoseconds(fromTicks: reference.clock - lastClock)
            if step > 0, step <= silence + Self.longestStep {
                let point = Point(packet: packet, time: previous.time + step, isDiscontinuous: false)
                if silence > 0 { return addAfterSilence(point, segmentStart: segmentStart) }
                if packets > 0 { pace = (step, packets) }
                return add(point)
            }
        }
        // Without a clock before it, a reference begins a time base but interrupts none.
        let interrupts = lastClock != nil || breaksAtNextReference
        if interrupts { discontinuities += 1 }
        breaksAtNextReference = false
        add(Point(packet: packet, time: previous.time + bridge(packets), isDiscontinuous: interrupts))
    }

    /// The playlist's duration is all there is to go by.
    private mutating func appendWithoutClock(_ segment: TransportSegment, first: Int64) {
        segmentsWithoutClock += 1
        if lastClock != nil { breaksAtNextReference = true }
        lastClock = nil
        let start = points.last.map { $0.time + bridge(first - $0.packet) } ?? 0
        let length = min(max(segment.duration.nanosecondsClamped, 0), Self.longestSilence)
        pace = (length, Int64(segment.packetCount))
        add(Point(packet: first, time: start, isDiscontinuous: false))
        add(Point(packet: first + Int64(segment.packetCount), time: start + length, isDiscontinuous: false))
    }

    /// The packets before the hole keep their pace and do not spread over it: two points stand at its edge.
    private mutating func addAfterSilence(_ point: Point, segmentStart: Int64) {
        silences += 1
        if let previous = points.last, previous.packet < segmentStart {
            let edge = min(previous.time + bridge(segmentStart - previous.packet), point.time)
            points.append(Point(packet: segmentStart, time: edge, isDiscontinuous: false))
        }
        if segmentStart < point.packet {
            let resumption = max(point.time - bridge(point.packet - segmentStart), points.last?.time ?? 0)
            points.append(Point(packet: segmentStart, time: resumption, isDiscontinuous: false))
        }
        points.append(point)
    }

    private mutating func add(_ point: Point) {
        if let last = points.last, last.packet == point.packet { points.removeLast() }
        points.append(point)
    }

    /// How long `packets` take at the last pace.
    private func bridge(_ packets: Int64) -> Int64 {
        min(packets * pace.nanoseconds / max(pace.packets, 1), Self.longestBridge)
    }

    /// When the last known reference is due.
    var end: Int64 { points.last?.time ?? 0 }

    /// Calls `body` for the points behind `packet` up to the time `limit`, with how many packets stand before each.
    func forEachPoint(after packet: Int64, until limit: Int64, _ body: (_ packets: Int64, _ time: Int64) -> Void) {
        for point in points[min(head, points.count)...] where point.packet > packet {
            guard point.time <= limit else { return }
            body(point.packet - packet, point.time)
        }
    }

    struct Due {
        let time: Int64
        /// Until the packet after it, roughly.
        let spacing: Int64
        /// The packet carries the first reference after a jump of the clock.
        let isDiscontinuous: Bool
    }

    /// When `packet` is due; packets must be asked for in order. Nil when only a later reference could tell; with
    /// `extrapolating` the last pace is assumed to go on.
    mutating func due(_ packet: Int64, extrapolating: Bool) -> Due? {
        while head + 1 < points.count, points[head + 1].packet <= packet { head += 1 }
        guard head < points.count else {
            return extrapolating ? Due(time: 0, spacing: 0, isDiscontinuous: false) : nil
        }
        let point = points[head]
        // Whatever stands before the very first reference leaves together with it.
        guard packet >= point.packet else { return Due(time: point.time, spacing: 0, isDiscontinuous: false) }
        let offset = packet - point.packet
        let isJump = offset == 0 && point.isDiscontinuous
        guard head + 1 < points.count else {
            guard extrapolating || offset == 0 else { return nil }
            let spacing = pace.nanoseconds / max(pace.packets, 1)
            return Due(time: point.time + bridge(offset), spacing: spacing, isDiscontinuous: isJump)
        }
        let next = points[head + 1]
        let (packets, step) = (next.packet - point.packet, next.time - point.time)
        return Due(
            time: point.time + offset * step / packets, spacing: step / packets, isDiscontinuous: isJump)
    }
}

extension Duration {
    /// Whole nanoseconds of a duration of at most some years.
    var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let bounded = min(max(seconds, -1_000_000_000), 1_000_000_000)
        return bounded * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
