import AsyncHTTPClient
import ControlProtocol
import JSONCoding
import NIOCore
import NIOHTTP1

/// An answer as it came, whatever its status.
package struct EdgeAnswer: Hashable, Sendable {
    package var status: Int
    package var contentType: String?
    package var body: String
}

/// JSON requests to one server or node, over one connection pool; with credentials by mutual TLS.
package final class EdgeClient: Sendable {
    package static let maximumAnswerBytes = 32 << 20
    /// How long the other end may be silent on a response that has begun: three keep-alives of a feed.
    package static let silence: Duration = .seconds(15)

    private let base: String
    private let client: HTTPClient

    /// - Parameters:
    ///   - base: such as `https://10.0.0.1:8443`.
    ///   - credentials: nil speaks plain HTTP, or HTTPS with the system's authorities.
    package init(
        base: String, credentials: NodeCredentials? = nil, silence: Duration = EdgeClient.silence
    ) throws(EdgeClientError) {
        guard base.hasPrefix("http://") || base.hasPrefix("https://") else { throw .badURL(base) }
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: credentials?.clientConfiguration(), redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(5), read: TimeAmount(silence)))
        configuration.httpVersion = .http1Only
        // Whoever calls tries again by its own rules, and wants to hear of each failure.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// A client whose owner could not start goes without a `shutdown`; the library would end the process for that.
    deinit {
        client.shutdown { _ in }
    }

    /// Closes all connections; nothing may be asked afterwards.
    package func shutdown() async {
        try? await client.shutdown()
    }

    package func get<Value: Decodable>(
        _ path: String, as type: Value.Type, bearer: String? = nil, timeout: Duration = .seconds(10)
    ) async throws(EdgeClientError) -> Value {
        try decode(type, try await ask(.GET, path, body: nil, bearer: bearer, timeout: timeout))
    }

    package func put(
        _ path: String, _ value: some Encodable, timeout: Duration = .seconds(10)
    ) async throws(EdgeClientError) {
        _ = try await ask(.PUT, path, body: encode(value), bearer: nil, timeout: timeout)
    }

    package func post<Value: Decodable>(
        _ path: String, as type: Value.Type, bearer: String? = nil, timeout: Duration = .seconds(10)
    ) async throws(EdgeClientError) -> Value {
        try decode(type, try await ask(.POST, path, body: ByteBuffer(), bearer: bearer, timeout: timeout))
    }

    package func post<Value: Decodable>(
        _ path: String, _ value: some Encodable, as type: Value.Type, timeout: Duration = .seconds(10)
    ) async throws(EdgeClientError) -> Value {
        try decode(type, try await ask(.POST, path, body: encode(value), bearer: nil, timeout: timeout))
    }

    /// Any request, for whoever judges the answer itself.
    package func exchange(
        _ method: String, _ path: String, json: String? = nil, bearer: String? = nil, timeout: Duration = .seconds(10)
    ) async throws(EdgeClientError) -> EdgeAnswer {
        let response = try await execute(
            HTTPMethod(rawValue: method), path, body: json.map { ByteBuffer(string: $0) }, bearer: bearer,
            timeout: timeout)
        return EdgeAnswer(
            status: Int(response.status.code), contentType: response.headers.first(name: "Content-Type"),
            body: String(buffer: try await collect(response, timeout: timeout)))
    }

    /// Opens a response that is read as it comes; `timeout` is the time to its head.
    func stream(_ path: String, timeout: Duration) async throws(EdgeClientError) -> HTTPClientResponse.Body {
        let response = try await execute(.GET, path, body: nil, bearer: nil, timeout: timeout)
        guard response.status == .ok else { throw await refusal(of: response) }
        return response.body
    }

    /// Hands a response's bytes on as they come, until it ends or the task is cancelled; `timeout` is the time to its head.
    package func read(
        _ path: String, bearer: String? = nil, timeout: Duration, receive: @Sendable ([UInt8]) async -> Void
    ) async throws(EdgeClientError) {
        let response = try await execute(.GET, path, body: nil, bearer: bearer, timeout: timeout)
        guard response.status == .ok else { throw await refusal(of: response) }
        do {
            for try await bytes in response.body { await receive(Array(buffer: bytes)) }
        } catch {
            throw EdgeClientError(error)
        }
    }

    private func ask(
        _ method: HTTPMethod, _ path: String, body: ByteBuffer?, bearer: String?, timeout: Duration
    ) async throws(EdgeClientError) -> ByteBuffer {
        let response = try await execute(method, path, body: body, bearer: bearer, timeout: timeout)
        guard (200..<300).contains(response.status.code) else { throw await refusal(of: response) }
        return try await collect(response, timeout: timeout)
    }

    private func execute(
        _ method: HTTPMethod, _ path: String, body: ByteBuffer?, bearer: String?, timeout: Duration
    ) async throws(EdgeClientError) -> HTTPClientResponse {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if let body {
            request.body = .bytes(body)
            request.headers.add(name: "Content-Type", value: "application/json")
        }
        if let bearer { request.headers.add(name: "Authorization", value: "Bearer \(bearer)") }
        do {
            return try await client.execute(request, timeout: TimeAmount(timeout))
        } catch {
            throw EdgeClientError(error)
        }
    }

    private func collect(_ response: HTTPClientResponse, timeout: Duration) async throws(EdgeClientError) -> ByteBuffer
    {
        do {
            let bytes = try await withDeadline(timeout) {
                try await response.body.collect(upTo: Self.maximumAnswerBytes)
            }
            guard let bytes else { throw EdgeClientError.timedOut }
            return bytes
        } catch {
            throw EdgeClientError(error)
        }
    }

    private func refusal(of response: HTTPClientResponse) async -> EdgeClientError {
        guard let bytes = try? await response.body.collect(upTo: 65_536),
            let problem = try? JSONText.decode(Problem.self, from: String(buffer: bytes))
        else { return .badAnswer("HTTP status \(response.status.code)") }
        return .refused(problem)
    }

    private func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: ByteBuffer
    ) throws(EdgeClientError) -> Value {
        do throws(JSONError) {
            return try JSONText.decode(type, from: String(buffer: bytes))
        } catch {
            throw .badAnswer(error.description)
        }
    }

    private func encode(_ value: some Encodable) throws(EdgeClientError) -> ByteBuffer {
        do {
            return ByteBuffer(string: try JSONText.encode(value))
        } catch {
            throw .badAnswer("\(error)")
        }
    }
}
