import Clockwork
import MPEGTS
import MediaFixtures
import UnicastDelivery

/// An index with the bytes it speaks of; none is ever overwritten.
struct Recording {
    var index: RingIndex
    private(set) var bytes: [UInt8] = []
    /// How wrong this host's calendar is.
    var calendarError = Duration.zero

    init(_ configuration: RingIndex.Configuration = .init()) {
        index = RingIndex(configuration)
    }

    mutating func take(_ datagram: Broadcast.Datagram) {
        index.append(
            datagram.payload.span.bytes, header: datagram.header, sequence: datagram.sequence,
            wallNow: datagram.arrival + calendarError)
        bytes += datagram.payload
    }

    func bytes(of segment: RingSegment) -> [UInt8] {
        Array(bytes[Int(segment.range.lowerBound)..<Int(segment.range.upperBound)])
    }
}

func continuityErrors(_ parts: [UInt8]...) -> UInt64 {
    var checker = ContinuityChecker()
    for part in parts { checker.check(part.span.bytes) }
    return checker.counters.continuityErrors + checker.counters.syncLosses
}
