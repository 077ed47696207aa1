import ControlProtocol
import HTTPEdge
import Hummingbird
import JSONCoding
import RawHTTP
import Testing

private struct Word: Codable, Equatable, Sendable {
    var text: String
}

private struct Surprise: Error {}

@Suite(.timeLimit(.minutes(1))) struct `What a listener takes` {
    private static let limits = EdgeLimits(
        maximumHeaderBytes: 2_048, maximumHeaderFields: 16, maximumBodyBytes: 1_024, idleTimeout: .milliseconds(400))

    private func asking<Value: Sendable>(
        _ work: @escaping @Sendable (_ port: UInt16, _ client: EdgeClient) async throws -> Value
    ) async throws -> Value {
        try await serving(limits: Self.limits) { router in
            router.put("/words/:name") { request, _ in
                try Response.json(try await request.json(Word.self, limits: Self.limits))
            }
            router.get("/surprise") { _, _ -> Response in throw Surprise() }
        } _: { base in
            let port = try #require(base.split(separator: ":").last.flatMap { UInt16($0) })
            let client = try EdgeClient(base: base)
            defer { Task { await client.shutdown() } }
            return try await work(port, client)
        }
    }

    private func problem(of answer: EdgeAnswer) throws -> Problem {
        #expect(answer.contentType == "application/problem+json")
        return try JSONText.decode(Problem.self, from: answer.body)
    }

    @Test func `is JSON of the expected shape, and comes back as JSON`() async throws {
        try await asking { _, client in
            let answer = try await client.exchange("PUT", "/words/one", json: "{\"text\":\"hello\"}")
            #expect(answer.status == 200)
            #expect(answer.contentType == "application/json")
            #expect(answer.body == "{\"text\":\"hello\"}")
        }
    }

    @Test(arguments: [
        ("PUT", "/words/one", "{\"text\":1}", 400, "bad-json"), ("PUT", "/words/one", "{", 400, "bad-json"),
        ("PUT", "/words/one", "", 400, "bad-json"), ("GET", "/nothing", nil, 404, "not-found"),
        ("GET", "/surprise", nil, 500, "internal-server-error"),
    ])
    func `is refused as a problem with a code and what to do next`(
        method: String, path: String, body: String?, status: Int, code: String
    ) async throws {
        try await asking { _, client in
            let problem = try problem(of: try await client.exchange(method, path, json: body))
            #expect(problem.status == status)
            #expect(problem.code == code)
            #expect(!problem.detail.isEmpty)
            #expect(!problem.title.contains("Surprise"), "an error of ours is not for the other end")
        }
    }

    @Test func `is no body beyond the limit`() async throws {
        try await asking { _, client in
            let text = String(repeating: "x", count: 2_000)
            let answer = try await client.exchange("PUT", "/words/one", json: "{\"text\":\"\(text)\"}")
            let problem = try problem(of: answer)
            #expect(problem.status == 413)
        }
    }

    @Test func `is no header beyond the limits`() async throws {
        try await asking { port, _ in
            let long = "GET /nothing HTTP/1.1\r\nHost: x\r\nLong: \(String(repeating: "x", count: 4_096))\r\n\r\n"
            let refused = try await exchange(long, port: port)
            #expect(refused.hasPrefix("HTTP/1.1 4"))
            let many = (0..<64).map { "H\($0): x\r\n" }.joined()
            let alsoRefused = try await exchange("GET /nothing HTTP/1.1\r\nHost: x\r\n\(many)\r\n", port: port)
            #expect(alsoRefused.hasPrefix("HTTP/1.1 4"))
        }
    }

    @Test(arguments: [
        "GET /nothing HTTP/1.1\r\nHo", "PUT /words/one HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"te",
    ])
    func `is no request that does not come to its end`(beginning: String) async throws {
        try await asking { port, _ in
            // Returns when the listener closes; the test's time limit is far beyond that of the connection.
            let answer = try await exchange(beginning, port: port)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
        }
    }

    @Test func `is no more connections from one address than its share, and another takes the place of one that ends`()
        async throws
    {
        let limits = EdgeLimits(maximumConnectionsPerAddress: 3, idleTimeout: .seconds(20))
        try await serving(limits: limits) { router in
            router.get("/hello") { _, _ in "hello" }
        } _: { base in
            let port = try #require(base.split(separator: ":").last.flatMap { UInt16($0) })
            var held = try (0..<3).map { _ in try HeldConnection(sending: "GET /hello HTTP/1.1\r\nHo", port: port) }
            let request = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            try await eventually { try await exchange(request, port: port).hasPrefix("HTTP/1.1 429") }
            held.removeLast()
            try await eventually { try await exchange(request, port: port).hasPrefix("HTTP/1.1 200") }
            _ = consume held
        }
    }

    @Test(arguments: ["\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n\r\n"])
    func `is no nonsense`(bytes: String) async throws {
        try await asking { port, client in
            let answer = try await exchange(bytes, port: port)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
            let next = try await client.exchange("PUT", "/words/one", json: "{\"text\":\"still here\"}")
            #expect(next.status == 200)
        }
    }
}
