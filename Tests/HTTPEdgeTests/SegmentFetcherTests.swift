import HTTPEdge
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Fetching playlists and segments` {
    private func fetch(
        _ path: String, limits: FetchLimits = .segment, policy: RedirectPolicy = .anyHost, range: Range<UInt64>? = nil
    ) async throws -> Result<(String, Int, String), FetchError> {
        try await serving { router in
            router.get("/segment.ts") { request, _ in
                let part = request.headers[.range]
                return Response.text(part ?? "content", type: "video/mp2t", status: part == nil ? .ok : .partialContent)
            }
            router.get("/hop/:count") { _, context in
                let count = try context.parameters.require("count", as: Int.self)
                return Response.redirect(to: count == 0 ? "/segment.ts" : "/hop/\(count - 1)", type: .found)
            }
            router.get("/away") { _, _ in Response.redirect(to: "http://127.0.0.2:1/x", type: .found) }
            router.get("/file") { _, _ in Response.redirect(to: "file:///etc/passwd", type: .found) }
            router.get("/endless") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        while true { try await writer.write(ByteBuffer(repeating: 0x47, count: 65_536)) }
                    })
            }
            router.get("/stuck") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        try await writer.write(ByteBuffer(string: "some"))
                        try await Task.sleep(for: .seconds(30))
                        try await writer.finish(nil)
                    })
            }
        } _: { base in
            let fetcher = SegmentFetcher(policy: policy)
            let result: Result<(String, Int, String), FetchError>
            do throws(FetchError) {
                let url = path.hasPrefix("/") ? base + path : path
                let (head, bytes) = try await fetcher.fetch(url, limits: limits, range: range)
                result = .success(
                    (String(decoding: bytes, as: UTF8.self), head.status, String(head.url.dropFirst(base.count))))
            } catch {
                result = .failure(error)
            }
            await fetcher.shutdown()
            return result
        }
    }

    @Test func `a segment is fetched whole`() async throws {
        let (text, status, _) = try await fetch("/segment.ts").get()
        #expect(text == "content")
        #expect(status == 200)
    }

    @Test func `a part is asked for as bytes from first to last`() async throws {
        let (text, status, _) = try await fetch("/segment.ts", range: 188..<376).get()
        #expect(text == "bytes=188-375")
        #expect(status == 206)
    }

    @Test func `redirects are followed, and the head names where they ended`() async throws {
        let (text, _, url) = try await fetch("/hop/3").get()
        #expect(text == "content")
        #expect(url == "/segment.ts")
    }

    @Test func `too many redirects, a wrong status and a wrong URL are refused by name`() async throws {
        #expect(try await fetch("/hop/5").error == .tooManyRedirects(limit: 5))
        #expect(try await fetch("/nothing").error == .status(404))
        #expect(try await fetch("ftp://127.0.0.1/x").error == .badURL("ftp://127.0.0.1/x"))
        #expect(try await fetch("nonsense").error == .badURL("nonsense"))
    }

    @Test func `a redirect away from http or from the origin is refused by policy`() async throws {
        #expect(try await fetch("/file").error == .redirectRefused(to: "file:///etc/passwd"))
        #expect(
            try await fetch("/away", policy: .sameOrigin).error == .redirectRefused(to: "http://127.0.0.2:1/x"))
        #expect(try await fetch("/hop/0", policy: .none).error == .redirectRefused(to: "/segment.ts"))
    }

    @Test func `an endless body stops at the limit`() async throws {
        let limits = FetchLimits(maximumBytes: 1 << 20, deadline: .seconds(20))
        #expect(try await fetch("/endless", limits: limits).error == .tooLarge(limit: 1 << 20))
    }

    @Test func `a body that stops coming fails at the deadline`() async throws {
        let limits = FetchLimits(maximumBytes: 1 << 20, deadline: .milliseconds(300))
        #expect(try await fetch("/stuck", limits: limits).error == .timedOut)
    }

    @Test func `a port that nobody listens on is unreachable`() async throws {
        guard case .unreachable = try await fetch("http://127.0.0.1:1/x").error else {
            Issue.record("a closed port was reached")
            return
        }
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
