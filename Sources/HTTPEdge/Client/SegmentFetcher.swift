import AsyncHTTPClient
import HLS
import NIOCore
import NIOHTTP1

/// What one fetch may cost.
package struct FetchLimits: Hashable, Sendable {
    package var maximumBytes: Int
    /// For the whole of it, redirects included.
    package var deadline: Duration

    package init(maximumBytes: Int, deadline: Duration) {
        self.maximumBytes = maximumBytes
        self.deadline = deadline
    }

    package static let playlist = FetchLimits(maximumBytes: 1 << 20, deadline: .seconds(10))
    package static let segment = FetchLimits(maximumBytes: 64 << 20, deadline: .seconds(30))
}

/// Why a fetch failed.
package enum FetchError: Error, Hashable, Sendable, CustomStringConvertible {
    case badURL(String)
    case refused(RedirectPolicy.Refusal)
    case status(Int)
    case tooLarge(limit: Int)
    /// The body ended before its length, or without its end.
    case truncated
    case timedOut
    case unreachable(String)
    case cancelled

    package var description: String {
        switch self {
        case .badURL(let url): "\"\(url)\" is no http or https URL"
        case .refused(let refusal): "not fetched from there: \(refusal)"
        case .status(let code): "HTTP status \(code)"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .truncated: "cut short"
        case .timedOut: "not complete in time"
        case .unreachable(let reason): reason
        case .cancelled: "cancelled"
        }
    }
}

/// What was fetched, beside its bytes.
package struct FetchedHead: Hashable, Sendable {
    /// Where the redirects ended: what relative URLs inside it are relative to.
    package var location: MediaLocation
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

    /// - Parameters:
    ///   - connectTimeout: how long one connection may take to be made.
    ///   - connectionsPerHost: more fetches from one host wait for a free connection.
    package init(
        policy: RedirectPolicy = RedirectPolicy(), connectTimeout: Duration = .seconds(2),
        connectionsPerHost: Int = 16, userAgent: String = "mrp-live-proxy"
    ) {
        self.policy = policy
        self.userAgent = userAgent
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: TimeAmount(connectTimeout), read: .seconds(10)))
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

    /// Fetches `location` and hands its bytes on as they come; what `receive` was given before a failure is incomplete.
    /// - Parameter range: a part, as EXT-X-BYTERANGE names it; an origin that ignores it answers 200 with everything.
    package func fetch(
        _ location: MediaLocation, limits: FetchLimits, range: Range<UInt64>? = nil,
        receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws(FetchError) -> FetchedHead {
        do {
            let head = try await withDeadline(limits.deadline) {
                let (response, head) = try await self.open(location, limits: limits, range: range)
                try await Self.read(response.body, of: head, limits: limits, receive: receive)
                return head
            }
            guard let head else { throw FetchError.timedOut }
            return head
        } catch {
            throw FetchError(error)
        }
    }

    private static func read(
        _ body: HTTPClientResponse.Body, of head: FetchedHead, limits: FetchLimits,
        receive: @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        var (count, parts) = (0, body.makeAsyncIterator())
        while let bytes = try await next(of: &parts) {
            count += bytes.readableBytes
            guard count <= limits.maximumBytes else { throw FetchError.tooLarge(limit: limits.maximumBytes) }
            try await receive(bytes)
        }
        if let length = head.contentLength, count < length { throw FetchError.truncated }
    }

    /// A connection that breaks within a body has cut it short.
    private static func next(of parts: inout HTTPClientResponse.Body.AsyncIterator) async throws -> ByteBuffer? {
        do {
            return try await parts.next()
        } catch {
            guard case .unreachable = FetchError(error) else { throw error }
            throw FetchError.truncated
        }
    }

    /// Fetches `location` whole.
    package func fetch(
        _ location: MediaLocation, limits: FetchLimits, range: Range<UInt64>? = nil
    ) async throws(FetchError) -> (head: FetchedHead, bytes: [UInt8]) {
        let collector = ByteCollector()
        let head = try await fetch(location, limits: limits, range: range) { await collector.append($0) }
        return (head, await collector.bytes)
    }

    /// Follows redirects by the policy until a response carries the content.
    private func open(
        _ location: MediaLocation, limits: FetchLimits, range: Range<UInt64>?
    ) async throws -> (HTTPClientResponse, FetchedHead) {
        do throws(RedirectPolicy.Refusal) { try policy.check(location) } catch { throw FetchError.refused(error) }
        var (target, followed) = (location, 0)
        while true {
            var request = HTTPClientRequest(url: target.description)
            request.headers.add(name: "User-Agent", value: userAgent)
            if let range, !range.isEmpty {
                request.headers.add(name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)")
            }
            let response = try await client.execute(request, timeout: TimeAmount(limits.deadline))
            switch response.status.code {
            case 200, 206:
                return (response, try head(of: response, from: target, limits: limits))
            case 301, 302, 303, 307, 308:
                await Self.drain(response)
                target = try next(after: response, from: target, followed: followed)
                followed += 1
            default:
                await Self.drain(response)
                throw FetchError.status(Int(response.status.code))
            }
        }
    }

    /// Reads what nobody wants, as far as it is short: a connection with an unread answer is closed, not used again.
    private static func drain(_ response: HTTPClientResponse) async {
        _ = try? await response.body.collect(upTo: 64 << 10)
    }

    private func next(
        after response: HTTPClientResponse, from current: MediaLocation, followed: Int
    ) throws(FetchError) -> MediaLocation {
        let header = response.headers.first(name: "Location") ?? ""
        do throws(RedirectPolicy.Refusal) {
            return try policy.target(of: header, from: current, followed: followed)
        } catch {
            throw .refused(error)
        }
    }

    private func head(
        of response: HTTPClientResponse, from target: MediaLocation, limits: FetchLimits
    ) throws -> FetchedHead {
        let length = response.headers.first(name: "Content-Length").flatMap { Int($0) }
        if let length, length > limits.maximumBytes { throw FetchError.tooLarge(limit: limits.maximumBytes) }
        return FetchedHead(
            location: target, status: Int(response.status.code),
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
