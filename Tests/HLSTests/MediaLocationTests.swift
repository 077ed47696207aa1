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

    @Test func `a redirect keeps its encryption, stays away from this host's own addresses and ends`() throws {
        let policy = RedirectPolicy()
        let current = try MediaLocation("https://origin.example/live/index.m3u8")
        #expect(
            try policy.target(of: "/edge/index.m3u8", from: current, followed: 4).description
                == "https://origin.example/edge/index.m3u8")
        #expect(
            try policy.target(of: "https://cdn.example/x", from: current, followed: 0).description
                == "https://cdn.example/x")
        #expect(throws: RedirectPolicy.Refusal.tooMany(limit: 5)) {
            try policy.target(of: "/x", from: current, followed: 5)
        }
        #expect(throws: RedirectPolicy.Refusal.downgrade) {
            try policy.target(of: "http://origin.example/x", from: current, followed: 0)
        }
        #expect(throws: RedirectPolicy.Refusal.malformed(.unsupportedScheme)) {
            try policy.target(of: "gopher://origin.example/x", from: current, followed: 0)
        }
    }

    @Test(arguments: ["localhost", "127.8.8.8", "169.254.169.254", "0.0.0.0", "[::1]", "[fe80::1]", "[::]"])
    func `nobody from elsewhere sends us to an address that only we can reach`(_ host: String) throws {
        let policy = RedirectPolicy()
        let origin = try MediaLocation("http://origin.example/a")
        #expect(throws: RedirectPolicy.Refusal.localAddress(host)) {
            try policy.target(of: "http://\(host)/x", from: origin, followed: 0)
        }
        // An origin on this very host may, and so may one that the operator listed.
        let local = try MediaLocation("http://127.0.0.1/a")
        #expect(try policy.target(of: "http://\(host)/x", from: local, followed: 0).host == host)
        let listing = RedirectPolicy(allowedHosts: ["origin.example", host])
        #expect(try listing.target(of: "http://\(host)/x", from: origin, followed: 0).host == host)
    }

    @Test func `where hosts are listed no other is asked, by a playlist or by a redirect`() throws {
        let policy = RedirectPolicy(allowedHosts: ["origin.example", "cdn.example"])
        let current = try MediaLocation("http://origin.example/a")
        #expect(try policy.target(of: "http://CDN.example/x", from: current, followed: 0).host == "cdn.example")
        #expect(throws: RedirectPolicy.Refusal.otherHost("evil.example")) {
            try policy.target(of: "http://evil.example/x", from: current, followed: 0)
        }
        #expect(throws: RedirectPolicy.Refusal.otherHost("evil.example")) {
            try policy.check(MediaLocation("http://evil.example/x"))
        }
    }
}
