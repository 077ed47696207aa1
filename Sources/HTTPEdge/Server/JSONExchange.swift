import ControlProtocol
import HTTPTypes
import Hummingbird
import JSONCoding
import NIOCore

extension Response {
    /// `value` as `application/json`.
    package static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        text(try JSONText.encode(value), type: "application/json", status: status)
    }

    package static func problem(_ problem: Problem) -> Response {
        let body = (try? JSONText.encode(problem)) ?? "{}"
        var response = text(body, type: "application/problem+json", status: HTTPResponse.Status(code: problem.status))
        // RFC 6750 §3: what kind of credentials would do.
        if problem.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }

    package static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// 204.
    package static var nothing: Response { Response(status: .noContent) }
}

extension Request {
    /// Reads the body as JSON of `type`, within a size and a time.
    package func json<Value: Decodable & Sendable>(
        _ type: Value.Type, limits: EdgeLimits
    ) async throws -> Value {
        let body = self.body
        let bytes = try await withDeadline(limits.idleTimeout) {
            try await body.collect(upTo: limits.maximumBodyBytes)
        }
        guard let bytes else { throw Problem(status: .requestTimeout) }
        do throws(JSONError) {
            return try JSONText.decode(type, from: String(buffer: bytes))
        } catch {
            throw Problem(
                code: "bad-json", status: 400, title: "The body is not what was expected: \(error.description)",
                detail: "GET /openapi.yaml describes the body.")
        }
    }
}

/// Runs `work`; nil when it takes longer than `duration`, after which it is cancelled.
func withDeadline<Value: Sendable>(
    _ duration: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: duration)
            return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
    }
}
