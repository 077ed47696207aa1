import Foundation
import HTTPEdge
import HTTPTypes
import Hummingbird
import RawHTTP
import Testing

/// A raw answer, as a client sees it on the wire.
private struct Answer {
    var status: Int
    var headers: [String: String]
    var body: String
}

@Suite struct `The channels' files` {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "mrp-content-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/news", withIntermediateDirectories: true)
        try write("#EXTM3U\n", "news/live.m3u8")
        try write("0123456789", "news/seg 1.ts")
        try write("secret", ".hidden")
    }

    private func write(_ text: String, _ path: String) throws {
        try text.write(toFile: "\(folder)/\(path)", atomically: true, encoding: .utf8)
    }

    /// Asks by a socket of our own: no client library may tidy the path.
    private func ask(_ method: String, _ path: String, _ headers: String...) async throws -> Answer {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let content = ContentFolder(root: folder)
        return try await serving { router in
            for method in [HTTPRequest.Method.get, .head] {
                router.on("/content/**", method: method) { request, _ in
                    try await content.response(to: request, path: request.uri.path.dropFirst("/content/".count))
                }
            }
        } _: { base in
            let port = try #require(base.split(separator: ":").last.flatMap { UInt16($0) })
            let lines = ["\(method) \(path) HTTP/1.1", "Host: x", "Connection: close"] + headers
            return try await parse(exchange(lines.joined(separator: "\r\n") + "\r\n\r\n", port: port))
        }
    }

    @Test func `are typed, tagged, and cached unless they are playlists`() async throws {
        let playlist = try await ask("GET", "/content/news/live.m3u8")
        #expect(playlist.status == 200)
        #expect(playlist.body == "#EXTM3U\n")
        #expect(playlist.headers["content-type"] == "application/vnd.apple.mpegurl")
        #expect(playlist.headers["cache-control"] == "no-cache")
        #expect(playlist.headers["last-modified"]?.hasSuffix(" GMT") == true)
    }

    @Test func `of segments may be cached, and names may be percent-encoded`() async throws {
        let segment = try await ask("GET", "/content/news/seg%201.ts")
        #expect(segment.body == "0123456789")
        #expect(segment.headers["content-type"] == "video/mp2t")
        #expect(segment.headers["cache-control"] == "public, max-age=3600")
        #expect(segment.headers["etag"]?.isEmpty == false)
    }

    @Test(arguments: [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"), ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"), ("bytes=5-99", 206, "56789", "bytes 5-9/10"),
        ("bytes=10-", 416, "", "bytes */10"), ("bytes=-0", 416, "", "bytes */10"),
        ("bytes=4-2", 200, "0123456789", nil),
        ("bytes=0-1,3-4", 200, "0123456789", nil), ("lines=1-2", 200, "0123456789", nil),
        ("bytes=99999999999999999999-", 200, "0123456789", nil),
    ])
    func `are served in parts`(range: String, status: Int, body: String, contentRange: String?) async throws {
        let answer = try await ask("GET", "/content/news/seg%201.ts", "Range: \(range)")
        #expect(answer.status == status)
        #expect(answer.body == body)
        #expect(answer.headers["content-range"] == contentRange)
    }

    @Test func `have a header alone for HEAD`() async throws {
        let answer = try await ask("HEAD", "/content/news/seg%201.ts")
        #expect(answer.status == 200)
        #expect(answer.headers["content-length"] == "10")
        #expect(answer.body.isEmpty)
    }

    @Test(arguments: [
        "/content/../secret", "/content/%2e%2e/secret", "/content/news/../../etc/passwd", "/content/news/..%2f..%2fetc",
        "/content/.hidden", "/content//etc/passwd", "/content/news", "/content/news/", "/content/none.ts",
        "/content/news/%00", "/content/news/%zz", "/content/news%5clive.m3u8", "/content/a/b/c/d/e/f/g/h/i",
    ])
    func `outside the folder, hidden or missing are not found`(path: String) async throws {
        #expect(try await ask("GET", path).status == 404)
    }

    @Test func `are not served through a link out of the folder`() async throws {
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/news/link.ts", withDestinationPath: "/etc/passwd")
        #expect(try await ask("GET", "/content/news/link.ts").status == 404)
    }

    @Test func `are not sent again to who has them, but a rewritten playlist is`() async throws {
        let content = ContentFolder(root: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await serving { router in
            router.get("/content/**") { request, _ in
                try await content.response(to: request, path: request.uri.path.dropFirst("/content/".count))
            }
        } _: { base in
            let port = try #require(base.split(separator: ":").last.flatMap { UInt16($0) })
            func get(_ tag: String) async throws -> Answer {
                let lines = [
                    "GET /content/news/live.m3u8 HTTP/1.1", "Host: x", "Connection: close", "If-None-Match: \(tag)",
                ]
                return try await parse(exchange(lines.joined(separator: "\r\n") + "\r\n\r\n", port: port))
            }
            let tag = try #require(try await get("\"none\"").headers["etag"])
            #expect(try await get(tag).status == 304)
            #expect(try await get("\"other\", \(tag)").status == 304)
            // Of the same size, and within the same second.
            try write("#EXTM3V\n", "news/live.m3u8")
            #expect(try await get(tag).body == "#EXTM3V\n")
        }
    }
}

private func parse(_ text: String) throws -> Answer {
    let end = try #require(text.range(of: "\r\n\r\n"))
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    let status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        headers[parts[0].lowercased()] = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
    }
    return Answer(status: status, headers: headers, body: String(text[end.upperBound...]))
}
