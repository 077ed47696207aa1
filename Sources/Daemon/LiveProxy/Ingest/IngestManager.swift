import Clockwork
import ControlProtocol
import HLS
import LinuxIO
import LiveProxy
import Logging
import MPEGTS
import MRPConfiguration
import MediaIO
import Synchronization

/// Pulls and sends the renditions the core orders; each stream goes on after a restart where it was.
final class IngestManager: Sendable {
    /// How long after the router made the interface anew nothing may be sent.
    static let exitInterval = Duration.milliseconds(500)

    /// One rendition of one allocation.
    struct Key: Hashable, Sendable, Comparable, CustomStringConvertible {
        var channel: ChannelKey
        var generation: UInt64
        var rendition: String

        var description: String { "\(channel)/\(rendition)@\(generation)" }

        static func < (left: Key, right: Key) -> Bool {
            (left.channel, left.generation, left.rendition) < (right.channel, right.generation, right.rendition)
        }
    }

    private struct State {
        var running: [Key: RenditionIngest] = [:]
        var generator = SeededGenerator(seed: .random(in: .min ... .max))
    }

    private let fetching: MediaFetching
    private let exit: MediaExit
    private let journal: RenditionJournal?
    private let sender: MediaSender
    private let logger: Logger
    private let state = Mutex(State())

    init(_ configuration: LiveProxyConfiguration, logger: Logger) throws {
        self.logger = logger
        fetching = MediaFetching(configuration.fetch)
        exit = MediaExit(configuration: configuration.source)
        journal = Self.journal(beside: configuration.controlSocket, logger: logger)
        sender = try exit.makeSender(journal: journal)
        tell(sender.scheduling)
    }

    /// An ordinary thread sends as well, only not as punctually on a busy host.
    private func tell(_ scheduling: MediaSender.Scheduling) {
        switch scheduling {
        case .ordinary: break
        case .realTime(let priority):
            logger.info("media are sent by a real-time thread", metadata: ["priority": "\(priority)"])
        case .refused(let error):
            logger.notice(
                "media are sent by an ordinary thread; LimitRTPRIO=10 in the unit would make it real-time",
                metadata: ["reason": "no-real-time", "error": "\(error)"])
        }
    }

    /// Beside the control socket, in a file system in memory: timestamps run on a clock that ends with the boot.
    private static func journal(beside socket: String, logger: Logger) -> RenditionJournal? {
        do throws(SystemError) {
            return try RenditionJournal(file: "\(socket).renditions")
        } catch {
            logger.error(
                "after a restart streams will begin anew", metadata: ["reason": "no-journal", "error": "\(error)"])
            return nil
        }
    }

    // MARK: - Orders

    func start(_ order: IngestOrder) {
        for rendition in order.renditions {
            let key = Key(
                channel: order.channel, generation: order.generation, rendition: rendition.rendition.name)
            start(key, rendition)
        }
    }

    private func start(_ key: Key, _ rendition: IngestOrder.Rendition) {
        var logger = logger
        logger[metadataKey: "channel"] = "\(key.channel)"
        logger[metadataKey: "rendition"] = "\(key.rendition)"
        let location: MediaLocation
        do throws(LocationError) {
            location = try MediaLocation(rendition.rendition.url)
        } catch {
            logger.error("cannot be pulled", metadata: ["reason": "bad-url", "error": "\(error.reason)"])
            return
        }
        let kept = journal?.state(of: key.description)
        let ingest = state.withLock { state in
            let fresh = RenditionState(
                using: &state.generator, now: MonotonicClock.now(), wallNow: WallClock.now())
            let ingest = RenditionIngest(
                rendition, location: location, journalKey: key.description,
                continuation: kept ?? fresh, isContinued: kept != nil,
                fetching: fetching, exit: exit, sender: sender, logger: logger)
            state.running[key] = ingest
            return ingest
        }
        Task { await ingest.start() }
    }

    /// Ends a channel's streams for good.
    func stop(_ channel: ChannelKey, generation: UInt64) {
        let stopped = state.withLock { state in
            let keys = state.running.keys.filter { $0.channel == channel && $0.generation == generation }
            return keys.compactMap { state.running.removeValue(forKey: $0) }
        }
        for ingest in stopped { Task { await ingest.end() } }
    }

    /// Stops everything as it is, so that the next life continues the streams.
    func shutdown() async {
        let all = state.withLock { state in
            defer { state.running = [:] }
            return state.running
        }
        for ingest in all.values { await ingest.halt() }
        sender.stop()
        await fetching.shutdown()
    }

    /// Follows the interface that media leave by, until cancelled.
    func watchExit() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.exitInterval)
            let running = state.withLock { $0.running }
            for ingest in running.values { await ingest.checkExit() }
        }
    }

    // MARK: - Console

    var sessions: [SessionRow] {
        get async {
            let running = state.withLock { $0.running }
            var rows: [SessionRow] = []
            for key in running.keys.sorted() {
                guard let one = running[key] else { continue }
                let status = await one.status
                let counters = status.counters
                rows.append(
                    SessionRow(
                        kind: "ingest", name: "\(key.channel)/\(key.rendition)", peer: one.url, state: status.word,
                        detail: "\(counters.segmentsDelivered) segments, \(counters.segmentBytes) bytes"))
            }
            return rows
        }
    }

    /// Sums over all renditions that run.
    var counters: [NamedCount] {
        get async {
            let running = state.withLock { $0.running }
            var sums: [String: UInt64] = [:]
            for ingest in running.values {
                let status = await ingest.status
                for (name, count) in Self.counts(status.counters) { sums[name, default: 0] &+= count }
                sums["ingest-segments-refused", default: 0] &+= status.refusedSegments
            }
            for report in await sender.reports.values {
                for (name, count) in Self.counts(report) { sums[name, default: 0] &+= count }
            }
            return sums.keys.sorted().map { NamedCount(name: $0, count: sums[$0] ?? 0) }
        }
    }

    private static func counts(_ report: RenditionReport) -> [(String, UInt64)] {
        [
            ("media-packets", report.transmission.packets), ("media-bytes", report.transmission.bytes),
            ("media-packets-dropped", report.transmission.droppedPackets), ("media-trains", report.pacer.trains),
            ("fec-column-packets", report.repair.columnPackets), ("fec-row-packets", report.repair.rowPackets),
            ("fec-bytes", report.repair.bytes), ("fec-packets-dropped", report.repair.droppedPackets),
            ("media-stalls", report.pacer.stalls), ("media-delays", report.pacer.delays),
            ("media-padding-packets", report.pacer.paddingPackets),
            ("media-clock-discontinuities", report.conditioner.clockDiscontinuities),
            ("media-silences", report.conditioner.silences),
            ("media-segments-without-clock", report.conditioner.segmentsWithoutClock),
            ("media-source-continuity-errors", report.conditioner.sourceContinuityErrors),
            ("media-source-transport-errors", report.conditioner.transportErrors),
            ("media-source-partial-packets", report.conditioner.faults.partialPackets),
            ("media-source-sync-losses", report.conditioner.faults.syncLosses),
            ("media-source-skipped-bytes", report.conditioner.faults.skippedBytes),
            ("media-source-bad-sections", report.conditioner.faults.badSections),
        ]
    }

    private static func counts(_ counters: FetchCounters) -> [(String, UInt64)] {
        [
            ("ingest-playlists-loaded", counters.playlistsLoaded),
            ("ingest-playlists-refused", counters.playlistsRefused),
            ("ingest-playlist-failures", counters.playlistFailures),
            ("ingest-segments-delivered", counters.segmentsDelivered), ("ingest-segment-bytes", counters.segmentBytes),
            ("ingest-segment-failures", counters.segmentFailures),
            ("ingest-segments-skipped", counters.segmentsSkipped), ("ingest-segments-missed", counters.segmentsMissed),
            ("ingest-segments-declared-missing", counters.segmentsDeclaredMissing),
            ("ingest-discontinuities", counters.discontinuities), ("ingest-stale-episodes", counters.staleEpisodes),
            ("ingest-encoder-restarts", counters.encoderRestarts), ("ingest-timeouts", counters.timeouts),
        ]
    }
}
