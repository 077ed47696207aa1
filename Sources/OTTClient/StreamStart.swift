import Clockwork
import MPEGTS

/// Holds a stream back until a decoder can begin with it, and then puts the tables before it: a player that is started
/// in the middle of a picture complains, and some give up.
struct StreamStart: Sendable {
    private let longestWait: Duration
    private var finder = RandomAccessFinder()
    private var waitingSince: Instant?
    private var isOpen: Bool
    /// Transport packets that were not passed on.
    private(set) var skippedPackets: UInt64 = 0
    /// No such place came in time, and the stream was passed on from wherever it was.
    private(set) var hasTimedOut = false
    /// When the first place to begin with was passed on; nil before, and where none was looked for.
    private(set) var firstPicture: Instant?

    /// The wait counts from the first packet.
    init(longestWait: Duration) {
        self.longestWait = longestWait
        isOpen = longestWait == .zero
    }

    /// Hands on what of `packets`, whole transport packets, is to be passed on.
    mutating func pass(_ packets: RawSpan, now: Instant, deliver: (RawSpan) -> Void) {
        guard !isOpen else { return deliver(packets) }
        let since = waitingSince ?? now
        waitingSince = since
        let entry = entry(in: packets)
        hasTimedOut = entry == nil && now - since >= longestWait
        if entry != nil { firstPicture = now }
        guard let start = entry ?? (hasTimedOut ? 0 : nil) else {
            skippedPackets &+= UInt64(packets.byteCount / TransportPacket.size)
            return
        }
        skippedPackets &+= UInt64(start / TransportPacket.size)
        open(deliver)
        deliver(packets.extracting(start...))
    }

    private mutating func entry(in packets: RawSpan) -> Int? {
        var offset = 0
        while offset + TransportPacket.size <= packets.byteCount {
            let packet = TransportPacket(packets.extracting(offset..<(offset + TransportPacket.size)))
            if let packet, finder.canBegin(at: packet) { return offset }
            offset += TransportPacket.size
        }
        return nil
    }

    /// The tables are of those that were held back.
    private mutating func open(_ deliver: (RawSpan) -> Void) {
        isOpen = true
        let tables = finder.tables
        guard !tables.isEmpty else { return }
        skippedPackets -= min(skippedPackets, UInt64(tables.count / TransportPacket.size))
        deliver(tables.span.bytes)
    }
}
