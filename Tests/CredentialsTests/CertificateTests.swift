import Clockwork
import Credentials
import Testing

private let now = UnixTime(milliseconds: 1_700_000_000_000)

@Suite struct `A node's certificate` {
    private let authority: CertificateAuthority
    private let identity: NodeIdentity

    init() throws {
        authority = try CertificateAuthority(name: "test", now: now)
        identity = try #require(NodeIdentity(role: .liveProxy, name: "north"))
    }

    @Test func `carries the role, the name and the addresses it was issued for`() throws {
        let names = ["10.3.0.1", "2001:db8::1", "proxy.example"]
        let issued = try authority.issue(identity, names: names, now: now)
        let summary = try CertificateSummary(pem: issued.certificate)
        #expect(summary.identity == identity)
        #expect(summary.uri == "mrp://live-proxy/north")
        #expect(summary.names == names)
        #expect(summary.issuer == "CN=test")
        #expect(!summary.isAuthority)
        #expect(summary.notBefore <= now)
        #expect(summary.notAfter == now + CertificateAuthority.nodeLifetime)
    }

    @Test func `outlives the authority by no moment`() throws {
        let short = try CertificateAuthority(name: "short", now: now, lifetime: .seconds(60))
        let issued = try short.issue(identity, names: [], now: now, lifetime: .seconds(3_600))
        #expect(try CertificateSummary(pem: issued.certificate).notAfter == now + .seconds(60))
        #expect(throws: CredentialError.authorityExpires) {
            try short.issue(identity, names: [], now: now + .seconds(61))
        }
    }

    @Test func `is renewed for the same key, identity and addresses`() throws {
        let issued = try authority.issue(identity, names: ["10.3.0.1"], now: now, lifetime: .seconds(60))
        let later = now + .seconds(50)
        let renewed = try CertificateSummary(
            pem: authority.renew(certificatePEM: issued.certificate, now: later, lifetime: .seconds(60)))
        let old = try CertificateSummary(pem: issued.certificate)
        #expect(renewed.identity == old.identity)
        #expect(renewed.names == old.names)
        #expect(renewed.serial != old.serial)
        #expect(renewed.notAfter == later + .seconds(60))
    }

    @Test(arguments: ["", "-a.example", "a..b", "a b", "exämple", "10.3.0.256.", String(repeating: "a", count: 254)])
    func `is not issued for what is neither address nor host name`(name: String) {
        #expect(throws: CredentialError.notAName(name)) { try authority.issue(identity, names: [name], now: now) }
    }

    @Test func `comes only from an authority with its own key`() throws {
        let other = try CertificateAuthority(name: "other", now: now)
        let node = try authority.issue(identity, names: [], now: now)
        #expect(throws: CredentialError.keyDoesNotMatch) {
            try CertificateAuthority(certificatePEM: authority.certificatePEM, privateKeyPEM: other.privateKeyPEM)
        }
        #expect(throws: CredentialError.notAnAuthority) {
            try CertificateAuthority(certificatePEM: node.certificate, privateKeyPEM: node.privateKey)
        }
        #expect(throws: CredentialError.self) {
            try CertificateAuthority(certificatePEM: "nonsense", privateKeyPEM: other.privateKeyPEM)
        }
    }

    @Test(arguments: [
        "mrp://live-proxy/", "mrp://live-proxy", "mrp://router/north", "mrp:/live-proxy/north",
        "http://live-proxy/north",
        "mrp://live-proxy/north/south", "mrp://live-proxy/.north", "MRP://live-proxy/north", "",
    ])
    func `names no node by another URI`(uri: String) {
        #expect(NodeIdentity(uri: uri) == nil)
    }
}
