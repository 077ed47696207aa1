import HLS
import Testing

struct Resolution: CustomTestStringConvertible {
    let reference: String
    let result: String
    init(_ reference: String, _ result: String) {
        self.reference = reference
        self.result = result
    }
    var testDescription: String { "\(reference) -> \(result)" }
}

struct RefusedLocation: CustomTestStringConvertible {
    let text: String
    let error: LocationError
    init(_ text: String, _ error: LocationError) {
        self.text = text
        self.error = error
    }
    var testDescription: String { "\(text.prefix(60)) is refused: \(error.reason)" }
}

@Suite struct MediaLocationTests {
    /// RFC 3986 §5.4, transposed to http and without fragments.
    @Test(arguments: [
        Resolution("https://other/x", "https://other/x"), Resolution("g", "http://a/b/c/g"),
        Resolution("./g", "http://a/b/c/g"), Resolution("g/", "http://a/b/c/g/"), Resolution("/g", "http://a/g"),
        Resolution("//g", "http://g/"), Resolution("?y", "http://a/b/c/d;p?y"), Resolution("g?y", "http://a/b/c/g?y"),
        Resolution("#s", "http://a/b/c/d;p?q"), Resolution("g#s", "http://a/b/c/g"),
        Resolution(".", "http://a/b/c/"), Resolution("./", "http://a/b/c/"), Resolution("..", "http://a/b/"),
        Resolution("../g", "http://a/b/g"), Resolution("../..", "http://a/"), Resolution("../../g", "http://a/g"),
        Resolution("../../../g", "http://a/g"), Resolution("/./g", "http://a/g"), Resolution("/../g", "http://a/g"),
        Resolution("g.", "http://a/b/c/g."), Resolution("..g", "http://a/b/c/..g"),
        Resolution("./../g", "http://a/b/g"), Resolution("g;x=1/../y", "http://a/b/c/y"),
        Resolution("g?y/../x", "http://a/b/c/g?y/../x"), Resolution("seg ä.ts", "http://a/b/c/seg%20%C3%A4.ts"),
        Resolution("HTTP://CDN.Example:8080/x", "http://cdn.example:8080/x"),
        Resolution("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x"), Resolution("a:80/x", "a:80/x"),
    ])
    func `a reference resolves as RFC 3986 says`(_ row: Resolution) throws {
        let base = try MediaLocation("http://a/b/c/d;p?q")
        guard row.reference != "a:80/x" else {
            // Looks like a scheme, and is treated as one.
            #expect(throws: LocationError.missingHost) { try base.resolving(row.reference) }
            return
        }
        #expect(try base.resolving(row.reference).description == row.result)
    }

    @Test(arguments: [
        RefusedLocation("", .empty), RefusedLocation("/only/a/path", .notAbsolute),
        RefusedLocation("file:///etc/passwd", .unsupportedScheme), RefusedLocation("ftp://host/x", .unsupportedScheme),
        RefusedLocation("http:x", .missingHost), RefusedLocation("http:///x", .missingHost),
        RefusedLocation("http://ho st/x", .invalidHost), RefusedLocation("http://[::zz]/x", .invalidHost),
        RefusedLocation("http://host:0/x", .invalidPort), RefusedLocation("http://host:65536/x", .invalidPort),
        RefusedLocation("http://host:8a/x", .invalidPort), RefusedLocation("http://me:pw@host/x", .userInformation),
        RefusedLocation("http://host/\u{7}", .controlCharacter),
        RefusedLocation("http://host/\r\nX-Injected: 1", .controlCharacter),
        RefusedLocation("http://host/" + String(repeating: "a", count: 5000), .tooLong),
    ])
    func `text that is not a web address is refused`(_ row: RefusedLocation) {
        #expect(throws: row.error) { try MediaLocation(row.text) }
    }

    @Test func `a redirect stays on its host, keeps its encryption and ends`() throws {
        let policy = RedirectPolicy()
        let current = try MediaLocation("https://origin.example/live/index.m3u8")
        #expect(
            try policy.target(of: "/edge/index.m3u8", from: current, followed: 4).description
                == "https://origin.example/edge/index.m3u8")
        #expect(throws: RedirectPolicy.Refusal.tooMany(limit: 5)) {
            try policy.target(of: "/x", from: current, followed: 5)
        }
        #expect(throws: RedirectPolicy.Refusal.downgrade) {
            try policy.target(of: "http://origin.example/x", from: current, followed: 0)
        }
        #expect(throws: RedirectPolicy.Refusal.otherHost("169.254.169.254")) {
            try policy.target(of: "https://169.254.169.254/x", from: current, followed: 0)
        }
        #expect(throws: RedirectPolicy.Refusal.malformed(.unsupportedScheme)) {
            try policy.target(of: "gopher://origin.example/x", from: current, followed: 0)
        }
        let open = RedirectPolicy(allowsOtherHosts: true, allowsDowngrade: true)
        #expect(try open.target(of: "http://cdn.example/x", from: current, followed: 0).host == "cdn.example")
    }
}
