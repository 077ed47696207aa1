import HTTPEdge
import Hummingbird
import LinuxIO
import RawHTTP
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectionTakeoverTests {
    @Test func `a connection taken over is served by other means, and the server adds nothing`() async throws {
        let said = try await serving(limits: .clients) { router in
            router.get("/stream") { _, context -> Response in
                let taken = try #require(try await context.takeOver())
                Task {
                    // Long after the server has let go of it.
                    try await Task.sleep(for: .milliseconds(300))
                    for part in ["HTTP/1.1 200 OK\r\n\r\n", "one ", "two"] {
                        _ = try taken.descriptor.send(stream: Array(part.utf8)[...])
                    }
                }
                return Response(status: .internalServerError)
            }
        } _: { base in
            let port = try #require(base.split(separator: ":").last.flatMap { UInt16($0) })
            return try await exchange("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", port: port)
        }
        #expect(said == "HTTP/1.1 200 OK\r\n\r\none two")
    }
}
