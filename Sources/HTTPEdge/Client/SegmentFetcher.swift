import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// What one fetch may cost.
package struct FetchLimits: Hashable, Sendable {
    package var maximumBytes: Int
    /// For the whole of it, redirects included.
    package var deadline: Duration
    package var maximumRedirects: Int

    package init(maximumBytes: Int, deadline: Duration, maximumRedirects: Int = 5) {
        self.maximumBytes = maximumBytes
        self.deadline = deadline
        self.maximumRedirects = maximumRedirects
    }

    package static let playlist = FetchLimits(maximumBytes: 1 << 20, deadline: .seconds(10))
    package static let segment = FetchLimits(maximumBytes: 64 << 20, deadline: .seconds(30))
}

/// Why a fetch failed.
package enum FetchError: Error, Hashable, Sendable, CustomStringConvertible {
    case badURL(String)
    case redirectRefused(to: String)
    case tooManyRedirects(limit: Int)
    case status(Int)
    case tooLarge(limit: Int)
    case timedOut
    case unreachable(String)
    case cancelled

    package var description: String {
        switch self {
        case .badURL(let url): "\"\(url)\" is no http or https URL"
        case .redirectRefused(let target): "a redirect to \(target) is not followed"
        case .tooManyRedirects(let limit): "more than \(limit) redirects"
        case .status(let code): "HTTP status \(code)"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .timedOut: "not complete in time"
        case .unreachable(let reason): reason
        case .cancelled: "cancelled"
        }
    }
}

/// What was fetched, beside its bytes.
package struct FetchedHead: Hashable, Sendable {
    /// Where the redirects ended: what relative URLs inside it are relative to.
    package var url: String
    /// 200, or 206 for a part.
    package var status: Int
    package var contentType: String?
    /// As the origin announced it.
    package var contentLength: Int?
}

/// Fetches playlists and segments by HTTP and HTTPS, all over one connection pool.
package final class SegmentFetcher: Sendable {
    private let client: HTTPClient
    private let policy: RedirectPolicy
    private let userAgent: String

    /// - Parameter connectionsPerHost: more fetches from one host wait for a free connection.
    package init(
        policy: RedirectPolicy = .anyHost, connectionsPerHost: Int = 16, userAgent: String = "mrp-live-proxy"
    ) {
        self.policy = policy
        self.userAgent = userAgent
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(5), read: .seconds(10)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsPerHost
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// See `EdgeClient`: nothing that could not start may end the process.
    deinit {
        client.shutdown { _ in }
    }

    /// Closes all connections; nothing may be fetched afterwards.
    package func shutdown() async {
        try? await client.shutdown()
    }

    /// Fetches `url` and hands its bytes on as they come; what `receive` was given before a failure is incomplete.
    /// - Parameter range: a part, as EXT-X-BYTERANGE names it; an origin that ignores it answers 200 with everything.
    package func fetch(
        _ url: String, limits: FetchLimits, range: Range<UInt64>? = nil,
        receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws(FetchError) -> FetchedHead {
        do {
            let head = try await withDeadline(limits.deadline) {
                let (response, head) = try await self.open(url, limits: limits, range: range)
                var count = 0
                for try await bytes in response.body {
                    count += bytes.readableBytes
                    guard count <= limits.maximumBytes else { throw FetchError.tooLarge(limit: limits.maximumBytes) }
                    try await receive(bytes)
                }
                return head
            }
            guard let head else { throw FetchError.timedOut }
            return head
        } catch {
            throw FetchError(error)
        }
    }

    /// Fetches `url` whole.
    package func fetch(
        _ url: String, limits: FetchLimits, range: Range<UInt64>? = nil
    ) async throws(FetchError) -> (head: FetchedHead, bytes: [UInt8]) {
        let collector = ByteCollector()
        let head = try await fetch(url, limits: limits, range: range) { await collector.append($0) }
        return (head, await collector.bytes)
    }

    /// Follows redirects by the policy until a response carries the content.
    private func open(
        _ url: String, limits: FetchLimits, range: Range<UInt64>?
    ) async throws -> (HTTPClientResponse, FetchedHead) {
        guard var target = FetchTarget(url) else { throw FetchError.badURL(url) }
        for _ in 0...limits.maximumRedirects {
            var request = HTTPClientRequest(url: target.url)
            request.headers.add(name: "User-Agent", value: userAgent)
            if let range, !range.isEmpty {
                request.headers.add(name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)")
            }
            let response = try await client.execute(request, timeout: TimeAmount(limits.deadline))
            switch response.status.code {
            case 200, 206:
                return (response, try head(of: response, from: target, limits: limits))
            case 301, 302, 303, 307, 308:
                let location = response.headers.first(name: "Location") ?? ""
                guard let next = target.redirected(to: location, policy: policy) else {
                    throw FetchError.redirectRefused(to: location)
                }
                target = next
            default:
                throw FetchError.status(Int(response.status.code))
            }
        }
        throw FetchError.tooManyRedirects(limit: limits.maximumRedirects)
    }

    private func head(
        of response: HTTPClientResponse, from target: FetchTarget, limits: FetchLimits
    ) throws -> FetchedHead {
        let length = response.headers.first(name: "Content-Length").flatMap { Int($0) }
        if let length, length > limits.maximumBytes { throw FetchError.tooLarge(limit: limits.maximumBytes) }
        return FetchedHead(
            url: target.url, status: Int(response.status.code),
            contentType: response.headers.first(name: "Content-Type"), contentLength: length)
    }
}

/// Gathers a body; an actor, since bytes come from whichever thread reads them.
private actor ByteCollector {
    private(set) var bytes: [UInt8] = []

    func append(_ buffer: ByteBuffer) {
        bytes.append(contentsOf: buffer.readableBytesView)
    }
}

extension FetchError {
    init(_ error: any Error) {
        switch error {
        case let error as FetchError: self = error
        case is CancellationError: self = .cancelled
        default:
            switch EdgeClientError(error) {
            case .timedOut: self = .timedOut
            case .badURL(let url): self = .badURL(url)
            case let other: self = .unreachable(other.description)
            }
        }
    }
}
