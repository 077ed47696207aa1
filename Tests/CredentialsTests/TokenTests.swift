import Authorization
import Clockwork
import ControlProtocol
import Credentials
import FoundationEssentials
import Testing
import Wire

private let now = UnixTime(milliseconds: 1_700_000_000_000)

/// A token's parts, to be taken apart and put together wrongly.
private struct Forgery {
    var header: String
    var payload: String
    var signature: String

    init(_ token: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        (header, payload, signature) = (parts[0], parts[1], parts[2])
    }

    var token: String { "\(header).\(payload).\(signature)" }

    static func encode(_ text: String) -> String {
        Data(text.utf8).base64EncodedString().map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
            .filter { $0 != "=" }.map(String.init).joined()
    }
}

private struct TokenBench {
    let keys: TokenKeyPair
    let verifier: TokenVerifier
    let algorithm: TokenAlgorithm

    init(_ algorithm: TokenAlgorithm = .es256) throws {
        self.algorithm = algorithm
        keys = try TokenKeyPair(algorithm)
        verifier = try TokenVerifier(
            publicKey: keys.publicKey,
            settings: TokenVerifier.Settings(algorithm: algorithm, issuer: "mrp", audience: "mrp"))
    }

    func sign(_ change: (inout TokenClaims) -> Void = { _ in }) async throws -> String {
        var claims = TokenClaims(
            subscriber: "alice", issuer: "mrp", audience: "mrp", issuedAt: now, expires: now + .seconds(3_600))
        change(&claims)
        return try await TokenIssuer(privateKey: keys.privateKey, algorithm: algorithm).sign(claims)
    }

    func refusal(of token: String, at time: UnixTime = now) async -> TokenRefusal? {
        do throws(TokenRefusal) {
            _ = try await verifier.verify(token, now: time)
            return nil
        } catch {
            return error
        }
    }
}

@Suite struct `A token` {
    @Test(arguments: TokenAlgorithm.allCases)
    func `says who its bearer is, and what it opens`(algorithm: TokenAlgorithm) async throws {
        let bench = try TokenBench(algorithm)
        let scopes = [ChannelScope.provider("acme")]
        let networks = [try #require(IPPrefix("10.3.0.0/16"))]
        let token = try await bench.sign {
            $0.channels = scopes
            $0.addresses = networks
        }
        #expect(
            try await bench.verifier.verify(authorizationHeader: "Bearer \(token)", now: now)
                == TokenGrant(
                    subscriber: "alice", expires: now + .seconds(3_600), channels: scopes, addresses: networks))
        #expect(bench.verifier.refusalCounts.isEmpty)
    }

    @Test func `is refused for what it claims`() async throws {
        let bench = try TokenBench()
        let rows: [(TokenRefusal, (inout TokenClaims) -> Void)] = [
            (.expired, { $0.exp = Double(now.milliseconds / 1_000) }),
            (.expired, { $0.exp = 0 }),
            (.wrongIssuer, { $0.iss = "other" }),
            (.wrongIssuer, { $0.iss = "" }),
            (.notYetValid, { $0.nbf = Double(now.milliseconds / 1_000 + 31) }),
            (.lifetimeTooLong, { $0.exp = Double(now.milliseconds / 1_000) + 401 * 86_400 }),
            (.badClaims, { $0.sub = "" }),
            (.badClaims, { $0.sub = "../alice" }),
            (.badClaims, { $0.exp = -1 }),
            (.badClaims, { $0.exp = 1e300 }),
            (.badClaims, { $0.channels = Array(repeating: .provider("acme"), count: 257) }),
        ]
        for (expected, change) in rows {
            #expect(await bench.refusal(of: try await bench.sign(change)) == expected)
        }
        let other = TokenClaims(
            subscriber: "alice", issuer: "mrp", audience: "other", issuedAt: now, expires: now + .seconds(60))
        let token = try await TokenIssuer(privateKey: bench.keys.privateKey, algorithm: .es256).sign(other)
        #expect(await bench.refusal(of: token) == .wrongAudience)
    }

    @Test func `may begin within the clocks' leeway`() async throws {
        let bench = try TokenBench()
        let token = try await bench.sign { $0.nbf = Double(now.milliseconds / 1_000 + 30) }
        #expect(await bench.refusal(of: token) == nil)
    }

    @Test func `of another key is refused`() async throws {
        let bench = try TokenBench()
        let stranger = try TokenBench()
        #expect(await bench.refusal(of: try await stranger.sign()) == .badSignature)
    }

    @Test func `without a signature is refused whatever its header says`() async throws {
        let bench = try TokenBench()
        for algorithm in ["none", "None", "NONE", "HS256", "EdDSA", "ES384", ""] {
            var forgery = Forgery(try await bench.sign())
            forgery.header = Forgery.encode("{\"alg\":\"\(algorithm)\",\"typ\":\"JWT\"}")
            #expect(await bench.refusal(of: forgery.token) == .wrongAlgorithm, "\(algorithm)")
            forgery.signature = ""
            #expect(await bench.refusal(of: forgery.token) == .wrongAlgorithm, "\(algorithm), no signature")
        }
        var stripped = Forgery(try await bench.sign())
        stripped.signature = ""
        #expect(await bench.refusal(of: stripped.token) == .badSignature)
    }

    @Test func `that was changed after it was signed is refused`() async throws {
        let bench = try TokenBench()
        var forgery = Forgery(try await bench.sign())
        let seconds = now.milliseconds / 1_000 + 3_600
        forgery.payload = Forgery.encode("{\"sub\":\"mallory\",\"iss\":\"mrp\",\"aud\":\"mrp\",\"exp\":\(seconds)}")
        #expect(await bench.refusal(of: forgery.token) == .badSignature)
        let good = try await bench.sign()
        var bytes = Array(good.utf8)
        let last = bytes.count - 10
        bytes[last] = bytes[last] == 0x41 ? 0x42 : 0x41
        #expect(await bench.refusal(of: String(decoding: bytes, as: UTF8.self)) == .badSignature)
    }

    @Test func `with a header that demands what we do not know is refused`() async throws {
        let bench = try TokenBench()
        var forgery = Forgery(try await bench.sign())
        forgery.header = Forgery.encode("{\"alg\":\"ES256\",\"crit\":[\"exp\"]}")
        #expect(await bench.refusal(of: forgery.token) == .wrongAlgorithm)
    }

    @Test(arguments: ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\u{0}.\u{0}.\u{0}", "e30.e30.e30"])
    func `that is none is refused as malformed`(text: String) async throws {
        #expect(await (try TokenBench()).refusal(of: text) == .malformed)
    }

    @Test func `longer than any honest one is not even looked at`() async throws {
        let bench = try TokenBench()
        let token = try await bench.sign()
        #expect(await bench.refusal(of: token + String(repeating: "A", count: 4_096)) == .tooLong)
    }

    @Test(arguments: [nil, "", "Bearer", "Basic YTpi", "token"])
    func `is missed where the header holds none`(header: String?) async throws {
        let bench = try TokenBench()
        await #expect(throws: TokenRefusal.missing) {
            try await bench.verifier.verify(authorizationHeader: header, now: now)
        }
    }

    @Test func `is counted by reason when it is refused`() async throws {
        let bench = try TokenBench()
        _ = await bench.refusal(of: "x")
        _ = await bench.refusal(of: "x")
        _ = await bench.refusal(of: try await bench.sign(), at: now + .seconds(7_200))
        #expect(bench.verifier.refusalCounts == [.malformed: 2, .expired: 1])
    }

    @Test func `needs a key of the configured algorithm`() throws {
        let keys = try TokenKeyPair(.es256)
        #expect(throws: CredentialError.self) {
            try TokenVerifier(
                publicKey: keys.publicKey,
                settings: TokenVerifier.Settings(algorithm: .edDSA, issuer: "mrp", audience: "mrp"))
        }
        #expect(throws: CredentialError.self) {
            try TokenVerifier(
                publicKey: "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
                settings: TokenVerifier.Settings(algorithm: .es256, issuer: "mrp", audience: "mrp"))
        }
    }
}
