import Clockwork
import LinuxIO
import RTP
import UnicastDelivery

package struct UnicastCounters: Sendable {
    /// Connections ever taken over.
    package internal(set) var viewers: UInt64 = 0
    /// Found the table full (`maximum-viewers`).
    package internal(set) var viewersRefused: UInt64 = 0
    /// Found as many rings as there may be.
    package internal(set) var streamsRefused: UInt64 = 0
    /// Times a viewer fell out of the ring and was moved forward.
    package internal(set) var viewersAdvanced: UInt64 = 0
    package internal(set) var bytesSkipped: UInt64 = 0
    /// Connections ended, by the raw value of `ViewerEnd`.
    package internal(set) var ends: [String: UInt64] = [:]
    /// Datagrams of streams that nobody reads here.
    package internal(set) var unwantedDatagrams: UInt64 = 0
    package internal(set) var delivery = DeliveryCounters()

    package init() {}
}

/// What the media thread does at one moment.
package struct UnicastReport: Sendable {
    package struct Stream: Sendable {
        package let key: StreamKey
        package let viewers: Int
        package let index: RingIndex.Counters
        package let statistics: ReceiverStatistics.Counters
        package let refusals: FeedRefusals
        /// Packets whose page could not be renewed.
        package let memoryFailures: UInt64
        package let segments: Int
    }

    package struct Viewer: Sendable {
        package let session: UInt64
        package let rendition: String
        package let bytes: UInt64
        package let bitRate: UInt64
        package let behindLive: Duration
    }

    package let counters: UnicastCounters
    package let streams: [Stream]
    package let viewers: [Viewer]
}

extension UnicastLoop {
    func report() -> UnicastReport {
        let streams = streams.compactMap { $0 }
        return UnicastReport(
            counters: counters, streams: streams.map(describe),
            viewers: (0..<table.used).compactMap(describe))
    }

    private func describe(_ stream: UnicastStream) -> UnicastReport.Stream {
        UnicastReport.Stream(
            key: stream.key, viewers: stream.viewers.count, index: stream.feed.index.counters,
            statistics: stream.feed.statistics.counters, refusals: stream.feed.refusals,
            memoryFailures: stream.feed.memoryFailures, segments: stream.feed.index.segments.count)
    }

    private func describe(_ slot: Int) -> UnicastReport.Viewer? {
        guard let owner = table.owners[slot] else { return nil }
        let viewer = table[slot].pointee
        let hasBegun = !viewer.flags.contains(.waiting)
        let behind = streams[Int(viewer.stream)].map { $0.feed.index.behindLive(viewer.position) }
        return UnicastReport.Viewer(
            session: owner.session, rendition: owner.rendition, bytes: viewer.bytes, bitRate: owner.meter.bitRate,
            behindLive: hasBegun ? behind ?? .zero : .zero)
    }
}
