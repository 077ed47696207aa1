import Foundation

/// What Python's own HTTP client got, having followed redirects as a player does.
package struct WebAnswer: Decodable, CustomStringConvertible {
    /// The URL that answered in the end.
    package var url: String
    package var status: Int
    /// By name in small letters.
    package var headers: [String: String]
    package var body = Data()

    private enum CodingKeys: CodingKey { case url, status, headers }

    package var text: String { String(decoding: body, as: UTF8.self) }
    package var description: String { "\(status) from \(url): \(text.prefix(300))" }

    private static let program = """
        import json, sys, urllib.request, urllib.error
        url, method, file = sys.argv[1:4]
        headers = dict(line.split(": ", 1) for line in sys.argv[4:])
        try:
            answer = urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with open(file, "wb") as output:
            output.write(answer.read())
        names = {name.lower(): value for name, value in answer.headers.items()}
        print(json.dumps({"url": answer.geturl(), "status": answer.status, "headers": names}))
        """

    /// Asks from `node`.
    /// - Parameter headers: lines such as `Range: bytes=0-99`.
    package init(_ url: String, in node: Node, method: String = "GET", headers: [String] = []) throws {
        let file = node.path("answer-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: file) }
        let said = try node.run("python3", "-c", Self.program, url, method, file, arguments: headers)
        self = try JSONDecoder().decode(WebAnswer.self, from: Data(said.utf8))
        body = try Data(contentsOf: URL(fileURLWithPath: file))
    }
}

extension MetroDeployment {
    package static let masterPath = "/live/\(channel)/master.m3u8"

    /// The one URL that a stock player of `viewer` needs.
    package func playerURL(of viewer: String) throws -> String {
        "\(Self.serverBase)\(Self.masterPath)?token=\(try token(of: viewer))"
    }

    /// The playlist URL with a grant that a viewer is led to for a rendition.
    package func mediaPlaylist(_ rendition: String, of viewer: String) throws -> String {
        let master = try WebAnswer(playerURL(of: viewer), in: metro.viewer(viewer))
        let line = master.text.split(separator: "\n").first { $0.contains("/\(rendition)/index.m3u8?grant=") }
        guard let line else { throw LabError("no grant for \(rendition): \(master)") }
        return String(line)
    }

    /// The URL with a grant of the continuous stream that a viewer is led to.
    package func streamURL(_ rendition: String, of viewer: String) throws -> String {
        try mediaPlaylist(rendition, of: viewer)
            .replacingOccurrences(of: "/\(rendition)/index.m3u8", with: "/\(rendition).ts")
    }
}
