import Clockwork
import MPEGTS
import RTP

/// What lies where in the ring of one rendition: the bytes themselves are kept by whoever feeds this.
///
///     let position = index.append(payload, header: header, sequence: number, wallNow: now)
///     memory.write(payload, at: position)
///
/// Positions count the bytes of the transport stream since the ring began, and never wrap; a whole packet begins at every
/// multiple of 188. The newest `capacity` bytes are there; what is said of older ones is forgotten.
package struct RingIndex: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Bytes; rounded down to whole transport packets.
        package var capacity: Int
        /// Of HLS; equal at all replication points that viewers may be moved between.
        package var segment: Duration
        /// How far back playlists go.
        package var window: Duration

        package init(
            capacity: Int = 64 << 20, segment: Duration = .seconds(2), window: Duration = .seconds(30)
        ) {
            self.capacity = capacity / TransportPacket.size * TransportPacket.size
            self.segment = segment
            self.window = window
        }
    }

    package struct Counters: Hashable, Sendable, Codable {
        package internal(set) var packets: UInt64 = 0
        package internal(set) var bytes: UInt64 = 0
        /// RTP packets that never came.
        package internal(set) var lost: UInt64 = 0
        /// Runs of them.
        package internal(set) var holes: UInt64 = 0
        package internal(set) var discontinuities: UInt64 = 0
        /// The sender's clock ran back or stood still for long: playlists began anew.
        package internal(set) var restarts: UInt64 = 0
        /// 188 bytes that did not begin with the sync byte.
        package internal(set) var syncLosses: UInt64 = 0

        package init() {}
    }

    /// Random-access points kept; the oldest are forgotten first.
    package static let maximumEntries = 1024
    /// RTP packets of which number and time are kept.
    package static let maximumPackets = 32_768

    package let configuration: Configuration
    package private(set) var counters = Counters()
    /// After the newest byte.
    package private(set) var head: UInt64 = 0
    /// The newest packet's clock in 90 kHz ticks since 1970; nil before the first.
    package private(set) var time: Int64?
    /// Complete segments whose bytes are still there, oldest first, their numbers without a gap.
    package private(set) var segments: [RingSegment] = []
    /// Segments with a discontinuity that have left the playlist.
    package private(set) var discontinuitySequence: Int64 = 0

    private(set) var entries: [EntryPoint] = []
    private(set) var packets: PacketLog
    private var clock = CalendarClock()
    private var scanner = StreamScanner()
    private var cutter: SegmentCutter
    private var lastSequence: Int64?

    package init(_ configuration: Configuration) {
        precondition(configuration.capacity >= TransportPayload.size, "a ring too small to be one")
        self.configuration = configuration
        cutter = SegmentCutter(length: configuration.segment)
        packets = PacketLog(
            capacity: min(Self.maximumPackets, configuration.capacity / TransportPayload.size + 1))
    }

    /// The oldest byte that is there.
    package var tail: UInt64 { head - min(head, UInt64(configuration.capacity)) }

    /// Takes the next packet of the stream, in order; `sequence` never wraps, and a step over numbers is a loss.
    /// - Returns: where its payload belongs.
    @discardableResult
    package mutating func append(
        _ payload: RawSpan, header: RTPHeader, sequence: Int64, wallNow: UnixTime
    ) -> UInt64 {
        let position = head
        noteSequence(sequence)
        let time = clock.extend(header.timestamp, wallNow: wallNow)
        self.time = time
        packets.append(
            PacketLog.Entry(position: position, sequence: sequence, header: header, length: payload.byteCount))
        head += UInt64(payload.byteCount)
        counters.packets &+= 1
        counters.bytes &+= UInt64(payload.byteCount)
        advance(to: time, position)
        scan(payload, position, time)
        forget()
        return position
    }

    /// Another sender, or the same one anew: nothing goes on from what was before.
    package mutating func noteRestart() {
        lastSequence = nil
        counters.discontinuities &+= 1
        cutter.noteDiscontinuity()
    }

    private mutating func noteSequence(_ sequence: Int64) {
        if let lastSequence, sequence > lastSequence + 1 {
            counters.lost &+= UInt64(sequence - lastSequence - 1)
            counters.holes &+= 1
        }
        lastSequence = sequence
    }

    private mutating func advance(to time: Int64, _ position: UInt64) {
        guard let done = cutter.advance(to: time, position: position, prefix: scanner.prefix) else {
            counters.restarts &+= 1
            segments = []
            return
        }
        for segment in done { add(segment) }
    }

    private mutating func scan(_ payload: RawSpan, _ start: UInt64, _ time: Int64) {
        var offset = 0
        while offset + TransportPacket.size <= payload.byteCount {
            let bytes = payload.extracting(offset..<(offset + TransportPacket.size))
            if let packet = TransportPacket(bytes) {
                let entry = scanner.read(packet, position: start + UInt64(offset), time: time)
                if packet.isDiscontinuous, packet.clockReference != nil { noteDiscontinuity(entry == nil) }
                if let entry { take(entry) }
            } else {
                counters.syncLosses &+= 1
            }
            offset += TransportPacket.size
        }
    }

    private mutating func noteDiscontinuity(_ isPending: Bool) {
        counters.discontinuities &+= 1
        if isPending { cutter.noteDiscontinuity() }
    }

    private mutating func take(_ entry: EntryPoint) {
        for segment in cutter.take(entry, prefix: entry.prefix) { add(segment) }
        // A programme without video has one every few packets.
        if let last = entries.last, !entry.isDiscontinuous, entry.time - last.time < Self.entryInterval,
            entry.time >= last.time
        {
            return
        }
        entries.append(entry)
        if entries.count > Self.maximumEntries { entries.removeFirst() }
    }

    /// A quarter of a second.
    private static let entryInterval = CalendarClock.ticksPerSecond / 4

    private mutating func add(_ segment: RingSegment) {
        if let last = segments.last, segment.number != last.number + 1 { segments = [] }
        segments.append(segment)
    }

    private mutating func forget() {
        let tail = tail
        while let first = entries.first, first.position < tail { entries.removeFirst() }
        while let first = segments.first, first.range.lowerBound < tail || segments.count > Self.maximumEntries {
            segments.removeFirst()
        }
        trimPlaylist()
    }

    // MARK: The playlist

    /// Number of the playlist's first segment; it never goes back but at a restart.
    private var listed: Int64 = .min

    private mutating func trimPlaylist() {
        guard let last = segments.last else { return }
        let oldest = last.end - CalendarClock.ticks(configuration.window)
        let first = segments.first { $0.begin >= oldest }?.number ?? last.number
        guard first > listed || first < listed && segments.count == 1 else { return }
        for segment in segments where segment.number >= listed && segment.number < first && segment.isDiscontinuous {
            discontinuitySequence += 1
        }
        listed = first
    }

    /// What the playlist names now, oldest first.
    package var playlist: ArraySlice<RingSegment> {
        guard let first = segments.firstIndex(where: { $0.number >= listed }) else { return segments[...] }
        return segments[first...]
    }

    /// A segment by its number, as long as all of it is there.
    package func segment(_ number: Int64) -> RingSegment? {
        guard let first = segments.first, number >= first.number, number - first.number < segments.count else {
            return nil
        }
        return segments[Int(number - first.number)]
    }

    // MARK: Viewers

    /// Where a viewer begins: at the newest random-access point; nil while there is none.
    package var liveEntry: EntryPoint? { entries.last }

    /// Where a viewer goes on who stands at `position` and is too slow: the newest random-access point, if it is ahead.
    package func entry(ahead position: UInt64) -> EntryPoint? {
        entries.last.flatMap { $0.position > position ? $0 : nil }
    }

    /// How far behind the newest packet the byte at `position` is.
    package func behindLive(_ position: UInt64) -> Duration {
        guard let time, position < head, let packet = packets.entry(containing: position) else { return .zero }
        return CalendarClock.duration(Int64(UInt32(truncatingIfNeeded: time) &- packet.header.timestamp))
    }

    /// The RTP packet that `position` lies in, and those after it one by one; nil when it is not known any more.
    package func packet(containing position: UInt64) -> PacketLog.Entry? { packets.entry(containing: position) }
}
