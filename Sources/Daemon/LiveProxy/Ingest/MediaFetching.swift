import HLS
import HTTPEdge
import MRPConfiguration

/// Performs the fetches of all renditions over one connection pool, within what the configuration allows.
struct MediaFetching: Sendable {
    private let fetcher: SegmentFetcher
    private let playlistLimits: FetchLimits
    private let segmentDeadline: Duration
    let maximumSegmentBytes: Int

    init(_ configuration: FetchConfiguration) {
        let policy = RedirectPolicy(
            maximumRedirects: configuration.maximumRedirects,
            allowedHosts: Set(configuration.allowedHosts.map { $0.lowercased() }))
        fetcher = SegmentFetcher(
            policy: policy, connectTimeout: configuration.connectTimeout,
            connectionsPerHost: configuration.connectionsPerHost)
        playlistLimits = FetchLimits(
            maximumBytes: min(configuration.maximumPlaylistBytes, Playlist.maximumBytes),
            deadline: configuration.requestTimeout)
        segmentDeadline = configuration.requestTimeout * 3
        maximumSegmentBytes = configuration.maximumSegmentBytes
    }

    func shutdown() async {
        await fetcher.shutdown()
    }

    /// The playlist at `location`, and where the redirects ended.
    func playlist(_ location: MediaLocation) async throws(FetchFailure) -> (bytes: [UInt8], location: MediaLocation) {
        let (head, bytes) = try await fetch(location, limits: playlistLimits)
        return (bytes, head.location)
    }

    func segment(_ request: HLSFetchPlan.SegmentRequest) async throws(FetchFailure) -> [UInt8] {
        let range = try request.byteRange.map { range throws(FetchFailure) in try Self.range(range) }
        let limits = FetchLimits(maximumBytes: request.maximumBytes, deadline: segmentDeadline)
        let (head, bytes) = try await fetch(request.location, limits: limits, range: range)
        let part = Self.part(range, of: bytes, isWhole: head.status == 200)
        guard range == nil || part.count == range?.count else { throw .truncated }
        return part
    }

    private func fetch(
        _ location: MediaLocation, limits: FetchLimits, range: Range<UInt64>? = nil
    ) async throws(FetchFailure) -> (head: FetchedHead, bytes: [UInt8]) {
        do throws(FetchError) {
            return try await fetcher.fetch(location, limits: limits, range: range)
        } catch {
            throw FetchFailure(error)
        }
    }

    private static func range(_ range: MediaPlaylist.ByteRange) throws(FetchFailure) -> Range<UInt64> {
        guard let start = UInt64(exactly: range.offset), let length = UInt64(exactly: range.length) else {
            throw .truncated
        }
        let (end, overflow) = start.addingReportingOverflow(length)
        guard !overflow else { throw .truncated }
        return start..<end
    }

    /// An origin that ignores the range sends everything; the part is cut out of it.
    private static func part(_ range: Range<UInt64>?, of bytes: [UInt8], isWhole: Bool) -> [UInt8] {
        guard let range, isWhole else { return bytes }
        let start = Int(clamping: range.lowerBound)
        let end = min(Int(clamping: range.upperBound), bytes.count)
        return start < end ? Array(bytes[start..<end]) : []
    }
}

extension FetchFailure {
    init(_ error: FetchError) {
        self =
            switch error {
            case .status(let code): .status(code)
            case .tooLarge: .tooLarge
            case .truncated: .truncated
            case .timedOut: .timedOut
            case .refused(let refusal): .redirectRefused(refusal)
            case .badURL, .unreachable, .cancelled: .connectionFailed
            }
    }
}
