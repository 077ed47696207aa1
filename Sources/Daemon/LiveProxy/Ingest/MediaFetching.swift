import HLS
import HTTPEdge
import MRPConfiguration

/// Performs the fetches of all renditions over one connection pool, within what the configuration allows.
struct MediaFetching: Sendable {
    private let fetcher: SegmentFetcher
    private let allowedHosts: Set<String>
    private let playlistLimits: FetchLimits
    private let segmentDeadline: Duration
    private let maximumRedirects: Int
    let maximumSegmentBytes: Int

    init(_ configuration: FetchConfiguration) {
        // Where hosts are listed, a redirect to another one could lead past the list.
        let policy: HTTPEdge.RedirectPolicy = configuration.allowedHosts.isEmpty ? .anyHost : .sameOrigin
        fetcher = SegmentFetcher(policy: policy, connectionsPerHost: configuration.connectionsPerHost)
        allowedHosts = Set(configuration.allowedHosts.map { $0.lowercased() })
        playlistLimits = FetchLimits(
            maximumBytes: min(configuration.maximumPlaylistBytes, Playlist.maximumBytes),
            deadline: configuration.requestTimeout, maximumRedirects: configuration.maximumRedirects)
        segmentDeadline = configuration.requestTimeout * 3
        maximumRedirects = configuration.maximumRedirects
        maximumSegmentBytes = configuration.maximumSegmentBytes
    }

    func shutdown() async {
        await fetcher.shutdown()
    }

    /// The playlist at `location`, and where the redirects ended.
    func playlist(_ location: MediaLocation) async throws(FetchFailure) -> (bytes: [UInt8], location: MediaLocation) {
        try allow(location)
        let (head, bytes) = try await fetch(location, limits: playlistLimits)
        return (bytes, (try? MediaLocation(head.url)) ?? location)
    }

    func segment(_ request: HLSFetchPlan.SegmentRequest) async throws(FetchFailure) -> [UInt8] {
        try allow(request.location)
        let range = try request.byteRange.map { range throws(FetchFailure) in try Self.range(range) }
        let limits = FetchLimits(
            maximumBytes: request.maximumBytes, deadline: segmentDeadline, maximumRedirects: maximumRedirects)
        let (head, bytes) = try await fetch(request.location, limits: limits, range: range)
        if head.status == 200, let announced = head.contentLength, announced != bytes.count { throw .truncated }
        return Self.part(range, of: bytes, isWhole: head.status == 200)
    }

    private func fetch(
        _ location: MediaLocation, limits: FetchLimits, range: Range<UInt64>? = nil
    ) async throws(FetchFailure) -> (head: FetchedHead, bytes: [UInt8]) {
        do throws(FetchError) {
            return try await fetcher.fetch(location.description, limits: limits, range: range)
        } catch {
            throw FetchFailure(error)
        }
    }

    private func allow(_ location: MediaLocation) throws(FetchFailure) {
        guard allowedHosts.isEmpty || allowedHosts.contains(location.host) else {
            throw .redirectRefused(.otherHost(location.host))
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
            case .timedOut: .timedOut
            case .tooManyRedirects(let limit): .redirectRefused(.tooMany(limit: limit))
            case .redirectRefused(let target): .redirectRefused(.otherHost(target))
            case .badURL, .unreachable, .cancelled: .connectionFailed
            }
    }
}
