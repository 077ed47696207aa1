import Foundation
import RawHTTP
import Testing

/// An answer as a browser gets it, headers in lower case.
struct WebAnswer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: String

    init(_ text: String) {
        let parts = text.components(separatedBy: "\r\n\r\n")
        let lines = (parts.first ?? "").components(separatedBy: "\r\n")
        status = Int(lines.first?.split(separator: " ").dropFirst().first ?? "") ?? 0
        headers = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            guard pair.count == 2 else { continue }
            headers[pair[0].lowercased()] = pair[1].trimmingCharacters(in: .whitespaces)
        }
        body = parts.dropFirst().joined(separator: "\r\n\r\n")
    }
}

/// One request to a URL of 127.0.0.1, redirects not followed.
func webRequest(_ method: String = "GET", _ url: String, headers: [String] = []) async throws -> WebAnswer {
    let parts = url.replacingOccurrences(of: "http://127.0.0.1:", with: "").split(separator: "/", maxSplits: 1)
    let port = try #require(UInt16(parts[0]))
    let request =
        "\(method) /\(parts.count > 1 ? parts[1] : "") HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        + headers.map { $0 + "\r\n" }.joined() + "\r\n"
    return WebAnswer(try await exchange(request, port: port))
}
