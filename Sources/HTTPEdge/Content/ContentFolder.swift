import ControlProtocol
import HTTPTypes
import Hummingbird
import NIOCore

/// Serves the files of a folder that a packager writes: playlists are asked for anew each time, segments may be cached.
package struct ContentFolder: Sendable {
    /// A path has at most this many names; deeper ones are not found.
    package static let maximumDepth = 8
    private static let chunk = 128 << 10

    private static let types = [
        "m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t", "m4s": "video/iso.segment", "mp4": "video/mp4",
        "aac": "audio/aac", "vtt": "text/vtt", "key": "application/octet-stream",
    ]

    private let root: String

    package init(root: String) {
        self.root = root
    }

    /// Answers GET and HEAD, with conditional requests (RFC 9110 §13) and single ranges (§14).
    package func response(to request: Request, path: some StringProtocol) async throws -> Response {
        guard let names = Self.names(in: path),
            let file = try await ContentFile.open(root + "/" + names.joined(separator: "/"))
        else {
            throw Problem(
                code: "no-such-file", status: 404, title: "There is no such file",
                detail: "The playlist names what there is; a segment may have left the live window.")
        }
        var headers = Self.headers(of: file, name: names.last ?? "")
        if Self.isUnchanged(file, request.headers) { return Response(status: .notModified, headers: headers) }
        let hasPrecondition = request.headers[.ifRange].map { $0 == file.tag } ?? true
        switch ByteRange(header: hasPrecondition ? request.headers[.range] : nil, size: file.size) {
        case .whole:
            return Response(
                status: .ok, headers: headers, body: body(of: file, 0..<file.size, isWanted: request.method != .head))
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"
            return Response(
                status: .partialContent, headers: headers,
                body: body(of: file, range, isWanted: request.method != .head))
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(file.size)"
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
    }

    /// The names a path consists of; nil when one is empty, hidden, leads upwards or holds what no file of ours has.
    static func names(in path: some StringProtocol) -> [String]? {
        guard let decoded = percentDecoded(path) else { return nil }
        let names = decoded.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let areFine = names.allSatisfy { name in
            !name.isEmpty && name.utf8.count <= 255 && !name.hasPrefix(".")
                && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x5C && $0 != 0x7F }
        }
        return (1...maximumDepth).contains(names.count) && areFine ? names : nil
    }

    /// RFC 3986 §2.1; nil when it is malformed or not UTF-8.
    private static func percentDecoded(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Substring(text)[...].utf8
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    private static func headers(of file: ContentFile, name: String) -> HTTPFields {
        let suffix = name.lastIndex(of: ".").map { name[name.index(after: $0)...].lowercased() } ?? ""
        let isPlaylist = suffix == "m3u8"
        return [
            .contentType: types[suffix] ?? "application/octet-stream", .eTag: file.tag,
            .lastModified: HTTPDate.text(file.modified), .acceptRanges: "bytes",
            .cacheControl: isPlaylist ? "no-cache" : "public, max-age=3600",
        ]
    }

    /// If-None-Match decides alone where it is given.
    private static func isUnchanged(_ file: ContentFile, _ headers: HTTPFields) -> Bool {
        if let tags = headers[.ifNoneMatch] {
            return tags.split(separator: ",").contains { tag in
                let bare = tag.trimmingPrefix { $0 == " " }
                return bare == "*" || bare == file.tag || bare == "W/" + file.tag
            }
        }
        // By whole seconds two versions of a live playlist look alike: only a tag tells them apart.
        return false
    }

    private func body(of file: ContentFile, _ range: Range<Int>, isWanted: Bool) -> ResponseBody {
        ResponseBody(contentLength: range.count) { writer in
            guard isWanted else { return try await writer.finish(nil) }
            var offset = range.lowerBound
            while offset < range.upperBound {
                let bytes = try await file.read(at: offset, count: min(Self.chunk, range.upperBound - offset))
                guard bytes.readableBytes > 0 else { throw FileShrank() }
                offset += bytes.readableBytes
                try await writer.write(bytes)
            }
            try await writer.finish(nil)
        }
    }
}

/// The file was cut while it was being sent; the connection closes, so that nobody takes the rest for whole.
private struct FileShrank: Error {}
