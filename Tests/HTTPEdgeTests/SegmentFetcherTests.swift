import Glibc
import HLS
import HTTPEdge
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Fetching playlists and segments` {
    private func fetch(
        _ path: String, limits: FetchLimits = .segment, policy: RedirectPolicy = RedirectPolicy(),
        range: Range<UInt64>? = nil
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
            router.get("/away") { _, _ in Response.redirect(to: "http://10.9.9.9/x", type: .found) }
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
            do {
                let location = try MediaLocation(path.hasPrefix("/") ? base + path : path)
                let (head, bytes) = try await fetcher.fetch(location, limits: limits, range: range)
                result = .success((String(decoding: bytes, as: UTF8.self), head.status, head.location.requestTarget))
            } catch let error as FetchError {
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

    @Test func `too many redirects and a wrong status are refused by name`() async throws {
        #expect(try await fetch("/hop/5").error == .refused(.tooMany(limit: 5)))
        #expect(
            try await fetch("/hop/0", policy: RedirectPolicy(maximumRedirects: 0)).error == .refused(.tooMany(limit: 0))
        )
        #expect(try await fetch("/nothing").error == .status(404))
    }

    @Test func `neither a request nor a redirect leads past the allowed hosts`() async throws {
        let policy = RedirectPolicy(allowedHosts: ["127.0.0.1"])
        #expect(try await fetch("/hop/0", policy: policy).get().0 == "content")
        #expect(try await fetch("/away", policy: policy).error == .refused(.otherHost("10.9.9.9")))
        #expect(try await fetch("http://127.0.0.2/x", policy: policy).error == .refused(.otherHost("127.0.0.2")))
        #expect(try await fetch("/file", policy: policy).error == .refused(.malformed(.unsupportedScheme)))
    }

    @Test func `a host that answers no connection costs the connect timeout, not the whole deadline`() async throws {
        let full = try FullBacklog()
        defer { full.close() }
        let fetcher = SegmentFetcher(connectTimeout: .milliseconds(200))
        let location = try MediaLocation("http://127.0.0.1:\(full.port)/x")
        // The deadline alone would outlast the suite.
        let limits = FetchLimits(maximumBytes: 1, deadline: .seconds(300))
        await #expect(throws: FetchError.timedOut) { try await fetcher.fetch(location, limits: limits) }
        await fetcher.shutdown()
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

/// A listener that accepts nobody and whose queue is full: the kernel drops what else wants to connect.
private struct FullBacklog {
    let port: UInt16
    private var descriptors: [CInt] = []

    init() throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let listener = Self.socket()
        let isListening = Self.with(&address) { bind(listener, $0, $1) == 0 && listen(listener, 0) == 0 }
        try #require(isListening)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = Self.with(&address) { name, _ in getsockname(listener, name, &length) }
        port = UInt16(bigEndian: address.sin_port)
        descriptors.append(listener)
        for _ in 0..<4 {
            let client = Self.socket()
            _ = Self.with(&address) { connect(client, $0, $1) }
            descriptors.append(client)
        }
    }

    func close() {
        for descriptor in descriptors { _ = Glibc.close(descriptor) }
    }

    private static func socket() -> CInt {
        Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
    }

    private static func with<Value>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
