import Clockwork
import ControlProtocol
import HLS
import LinuxIO
import LiveProxy
import Logging
import MRPConfiguration
import MediaIO
import RTP
import Synchronization

/// Pulls and sends the renditions the core orders, and keeps on disk where each stream is.
final class IngestManager: Sendable {
    /// How old the streams' state on disk may be.
    static let saveInterval = Duration.seconds(1)
    /// Streams remembered beyond those that run.
    static let maximumRemembered = 16_384

    fileprivate struct State {
        var running: [RenditionKey: RenditionIngest] = [:]
        var remembered: [RenditionKey: RenditionState] = [:]
        /// Streams of a life that was cut short: what was sent after the last save is not known.
        var uncertain: Set<RenditionKey> = []
        var generator = SeededGenerator(seed: .random(in: .min ... .max))
    }

    private let fetching: MediaFetching
    private let exit: MediaExit
    private let sender: MediaSender
    private let file: StateFile
    private let logger: Logger
    private let state = Mutex(State())

    init(_ configuration: LiveProxyConfiguration, logger: Logger) throws {
        fetching = MediaFetching(configuration.fetch)
        exit = MediaExit(configuration: configuration.source)
        sender = try exit.makeSender()
        file = StateFile(path: "\(configuration.state)/renditions.json")
        self.logger = logger
    }

    /// Reads where the streams of the last life were.
    func load() {
        do throws(StateFile.Failure) {
            guard let stored = try file.read(RenditionStates.self), stored.schema == RenditionStates.schemaName else {
                return
            }
            state.withLock { state in
                for entry in stored.entries { state.remembered[entry.key] = entry.state }
                if !stored.isFinal { state.uncertain = Set(stored.entries.map(\.key)) }
            }
        } catch {
            logger.error(
                "streams begin anew", metadata: ["reason": "rendition-states-unreadable", "error": "\(error)"])
            file.putAside()
        }
    }

    // MARK: - Orders

    func start(_ order: IngestOrder) {
        for rendition in order.renditions {
            let key = RenditionKey(
                channel: order.channel, generation: order.generation, rendition: rendition.rendition.name)
            start(key, rendition)
        }
    }

    private func start(_ key: RenditionKey, _ rendition: IngestOrder.Rendition) {
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
        let ingest = state.withLock { state in
            let (stream, isContinued) = state.stream(for: key, bandwidth: rendition.rendition.bandwidth)
            let ingest = RenditionIngest(
                rendition, location: location, continuation: stream, isContinued: isContinued, fetching: fetching,
                exit: exit, sender: sender, logger: logger)
            state.running[key] = ingest
            return ingest
        }
        Task { await ingest.start() }
    }

    func stop(_ channel: ChannelKey, generation: UInt64) {
        let stopped = state.withLock { state in
            let keys = state.running.keys.filter { $0.channel == channel && $0.generation == generation }
            return keys.compactMap { key in state.running.removeValue(forKey: key).map { (key, $0) } }
        }
        for (key, running) in stopped {
            Task { await self.end(running, key) }
        }
    }

    /// Ends all and writes down where each stream is.
    func shutdown() async {
        let all = state.withLock { state in
            defer { state.running = [:] }
            return state.running
        }
        for (key, ingest) in all { await end(ingest, key) }
        save(isFinal: true)
        sender.stop()
        await fetching.shutdown()
    }

    private func end(_ ingest: RenditionIngest, _ key: RenditionKey) async {
        let last = await ingest.stop()
        state.withLock { $0.remember(last, of: key) }
    }

    // MARK: - Disk

    /// Writes the streams' state at intervals, and follows the interface they leave by, until cancelled.
    func watch() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.saveInterval)
            if Task.isCancelled { return }
            let running = state.withLock { $0.running }
            if running.isEmpty { continue }
            for ingest in running.values { await ingest.checkExit() }
            await note(running)
            save(isFinal: false)
        }
    }

    /// Takes in where the streams are now.
    private func note(_ running: [RenditionKey: RenditionIngest]) async {
        let reports = await sender.reports
        for (key, ingest) in running {
            guard let stream = await ingest.stream, let report = reports[stream] else { continue }
            state.withLock { if $0.running[key] != nil { $0.remember(report.continuation, of: key) } }
        }
    }

    private func save(isFinal: Bool) {
        let states = state.withLock { $0.remembered }
        guard !states.isEmpty else { return }
        let entries = states.keys.sorted().compactMap { key in states[key].map { RenditionStates.Entry(key, $0) } }
        do throws(StateFile.Failure) {
            try file.write(RenditionStates(isFinal: isFinal, entries: entries))
        } catch {
            logger.error(
                "the streams' state could not be written",
                metadata: ["reason": "rendition-states-not-written", "error": "\(error)"])
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
                rows.append(
                    SessionRow(
                        kind: "ingest", name: "\(key.channel)/\(key.rendition)", peer: one.url, state: status.word,
                        detail: "\(status.counters.segmentsDelivered) segments, "
                            + "\(status.counters.segmentBytes) bytes"))
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
            ("media-stalls", report.pacer.stalls), ("media-delays", report.pacer.delays),
            ("media-padding-packets", report.pacer.paddingPackets),
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

extension IngestManager.State {
    /// The stream `key` continues, or one that begins; and whether somebody may have received it before.
    mutating func stream(for key: RenditionKey, bandwidth: Int) -> (RenditionState, isContinued: Bool) {
        remembered = remembered.filter { $0.key.channel != key.channel || $0.key.generation >= key.generation }
        guard var stream = remembered[key] else { return (RenditionState(using: &generator), false) }
        if uncertain.remove(key) != nil { stream.sequence &+= Self.possiblySent(bandwidth: bandwidth) }
        return (stream, true)
    }

    /// Packets that may have left since the last save. Numbers that nobody used are a short gap to a receiver; numbers
    /// used twice would make it drop what is new.
    private static func possiblySent(bandwidth: Int) -> UInt16 {
        let perSecond = bandwidth / (TransportPayload.packetsPerDatagram * 188 * 8) + 1
        return UInt16(clamping: min(perSecond * 2 + 64, 30_000))
    }

    mutating func remember(_ stream: RenditionState, of key: RenditionKey) {
        remembered[key] = stream
        guard remembered.count > IngestManager.maximumRemembered else { return }
        let oldest = remembered.keys.filter { running[$0] == nil }.min { $0.generation < $1.generation }
        if let oldest { remembered[oldest] = nil }
    }
}

extension RenditionStates.Entry {
    init(_ key: RenditionKey, _ state: RenditionState) {
        self.init(channel: key.channel, generation: key.generation, rendition: key.rendition, state: state)
    }

    var key: RenditionKey { RenditionKey(channel: channel, generation: generation, rendition: rendition) }
}
