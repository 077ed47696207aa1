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

extension UnicastReport {
    /// Names and values for `show counters`, sorted by name.
    package var counts: [(name: String, value: UInt64)] {
        var counts: [String: UInt64] = [
            "unicast-viewers": counters.viewers, "unicast-viewers-refused-maximum-viewers": counters.viewersRefused,
            "unicast-rings-refused-maximum-rings": counters.streamsRefused,
            "unicast-viewers-advanced": counters.viewersAdvanced, "unicast-bytes-skipped": counters.bytesSkipped,
            "unicast-datagrams-unwanted": counters.unwantedDatagrams,
            "unicast-datagrams-received": counters.delivery.datagrams,
            "unicast-frames-dropped-by-kernel": counters.delivery.kernelDrops,
        ]
        for end in ViewerEnd.allCases { counts["unicast-ended-\(end.rawValue)"] = counters.ends[end.rawValue] ?? 0 }
        for fault in DeliveryFault.allCases {
            counts["unicast-frames-refused-\(fault.rawValue)"] = counters.delivery[fault]
        }
        func add(_ name: String, _ value: (Stream) -> UInt64) {
            counts["unicast-\(name)"] = streams.reduce(0) { $0 &+ value($1) }
        }
        add("packets-lost") { $0.index.lost }
        add("packets-duplicate") { $0.statistics.duplicates }
        add("packets-too-late") { $0.statistics.tooLate }
        add("packets-foreign") { $0.statistics.foreign }
        add("packets-not-rtp") { $0.refusals.notRTP }
        add("packets-other-payload-type") { $0.refusals.otherPayloadTypes }
        add("packets-partial-payload") { $0.refusals.partialPayloads }
        add("packets-too-large") { $0.refusals.tooLarge }
        add("packets-sync-lost") { $0.index.syncLosses }
        add("packets-not-stored") { $0.memoryFailures }
        add("holes") { $0.index.holes }
        add("discontinuities") { $0.index.discontinuities }
        add("playlist-restarts") { $0.index.restarts }
        return counts.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }
}
