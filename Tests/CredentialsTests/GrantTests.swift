import Clockwork
import ControlProtocol
import Credentials
import FoundationEssentials
import Glibc
import Testing
import Wire

private let now = UnixTime(milliseconds: 1_700_000_000_000)

private struct GrantBench {
    let pem: String
    let signer: GrantSigner
    let verifier: GrantVerifier
    let grant: ViewerGrant

    init(maximumKnownGrants: Int = GrantVerifier.defaultMaximumKnownGrants) throws {
        verifier = GrantVerifier(maximumKnownGrants: maximumKnownGrants)
        pem = try TokenKeyPair(.edDSA).privateKey
        signer = try GrantSigner(privateKey: pem)
        verifier.replaceKeys([signer.key])
        grant = ViewerGrant(
            subscriber: "alice", channel: try #require(ChannelKey(text: "acme/news")), generation: 7,
            address: try #require(IPAddress("10.3.1.7")), expires: now + ViewerGrant.lifetime)
    }

    func refusal(of text: String) async -> GrantRefusal? {
        do throws(GrantRefusal) {
            _ = try await verifier.verify(text)
            return nil
        } catch {
            return error
        }
    }

    /// A grant whose header or payload is `text` instead, with the signature of another.
    func forged(header: String? = nil, payload: String? = nil) async throws -> String {
        var parts = try await signer.sign(grant).split(separator: ".").map(String.init)
        if let header { parts[0] = encode(header) }
        if let payload { parts[1] = encode(payload) }
        return parts.joined(separator: ".")
    }
}

private func encode(_ text: String) -> String {
    Data(text.utf8).base64EncodedString().map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
        .filter { $0 != "=" }.map(String.init).joined()
}

@Suite struct `A grant` {
    @Test(arguments: ["10.3.1.7", "2001:db8::7"])
    func `says who may open which channel from where`(address: String) async throws {
        let bench = try GrantBench()
        var grant = bench.grant
        grant.address = try #require(IPAddress(address))
        let text = try await bench.signer.sign(grant)
        #expect(text.utf8.count <= GrantVerifier.maximumGrantBytes)
        #expect(try await bench.verifier.verify(text) == grant)
        #expect(try await bench.verifier.verify(text) == grant, "the second time from memory")
        #expect(bench.verifier.refusalCounts.isEmpty)
    }

    @Test func `with the longest names is within the bound`() async throws {
        let bench = try GrantBench()
        let name = String(repeating: "n", count: 64)
        var grant = bench.grant
        grant.subscriber = name
        grant.channel = try #require(ChannelKey(provider: name, channel: name))
        grant.generation = .max
        grant.address = try #require(IPAddress("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"))
        #expect(try await bench.verifier.verify(try await bench.signer.sign(grant)) == grant)
    }

    @Test func `of another key, whatever its header calls it, is refused`() async throws {
        let bench = try GrantBench()
        let stranger = try GrantBench()
        let text = try await stranger.signer.sign(stranger.grant)
        #expect(await bench.refusal(of: text) == .unknownKey)
        let named = GrantKey(
            keyIdentifier: stranger.signer.key.keyIdentifier, publicKey: bench.signer.key.publicKey)
        bench.verifier.replaceKeys([named])
        #expect(await bench.refusal(of: text) == .badSignature)
        bench.verifier.replaceKeys([named, stranger.signer.key])
        #expect(await bench.refusal(of: text) == nil)
    }

    @Test func `is good no more when its key is withdrawn`() async throws {
        let bench = try GrantBench()
        let text = try await bench.signer.sign(bench.grant)
        #expect(await bench.refusal(of: text) == nil)
        bench.verifier.replaceKeys([])
        #expect(await bench.refusal(of: text) == .unknownKey)
    }

    @Test func `that was changed after it was signed is refused`() async throws {
        let bench = try GrantBench()
        let claims = """
            {"sub":"mallory","channel":"acme/news","generation":7,"address":"10.3.1.7","exp":1700000300}
            """
        #expect(await bench.refusal(of: try await bench.forged(payload: claims)) == .badSignature)
        let bare = try await bench.signer.sign(bench.grant).split(separator: ".").prefix(2).joined(separator: ".")
        #expect(await bench.refusal(of: bare + ".") == .badSignature)
    }

    @Test func `of another algorithm is refused whatever else it says`() async throws {
        let bench = try GrantBench()
        let name = bench.signer.key.keyIdentifier
        for header in [
            #"{"alg":"none","kid":"\#(name)"}"#, #"{"alg":"HS256","kid":"\#(name)"}"#,
            #"{"alg":"ES256","kid":"\#(name)"}"#, #"{"alg":"EdDSA"}"#,
            #"{"alg":"EdDSA","kid":"\#(name)","crit":["exp"]}"#,
        ] {
            #expect(await bench.refusal(of: try await bench.forged(header: header)) == .malformed, "\(header)")
        }
    }

    @Test(arguments: ["", ".", "a.b.c", "a.b.c.d", "\u{0}.\u{0}.\u{0}", "e30.e30.e30"])
    func `that is none is refused as malformed`(text: String) async throws {
        #expect(await (try GrantBench()).refusal(of: text) == .malformed)
    }

    @Test func `whose claims are none is refused though it is signed`() async throws {
        let bench = try GrantBench()
        var grant = bench.grant
        grant.subscriber = "../alice"
        #expect(await bench.refusal(of: try await bench.signer.sign(grant)) == .malformed)
        grant = bench.grant
        grant.expires = UnixTime(milliseconds: .min)
        #expect(await bench.refusal(of: try await bench.signer.sign(grant)) == .malformed)
    }

    @Test func `longer than any honest one is not even looked at, and every refusal is counted`() async throws {
        let bench = try GrantBench()
        let text = String(repeating: "A", count: GrantVerifier.maximumGrantBytes + 1)
        #expect(await bench.refusal(of: text) == .tooLarge)
        _ = await bench.refusal(of: text)
        _ = await bench.refusal(of: "x")
        #expect(bench.verifier.refusalCounts == [.tooLarge: 2, .malformed: 1])
    }

    @Test func `is remembered in a table that does not grow for ever`() async throws {
        let bench = try GrantBench(maximumKnownGrants: 20)
        var grant = bench.grant
        for number in 0...20 {
            grant.generation = UInt64(number)
            let text = try await bench.signer.sign(grant)
            guard try await bench.verifier.verify(text) == grant else {
                Issue.record("grant \(number) was taken for another")
                return
            }
        }
        #expect(bench.verifier.knownGrants == 1)
    }

    @Test func `keys that are none are counted and open nothing`() async throws {
        let bench = try GrantBench()
        bench.verifier.replaceKeys([
            GrantKey(keyIdentifier: bench.signer.key.keyIdentifier, publicKey: try TokenKeyPair(.es256).publicKey)
        ])
        #expect(bench.verifier.unusableKeys == 1)
        #expect(await bench.refusal(of: try await bench.signer.sign(bench.grant)) == .unknownKey)
    }

    @Test func `is signed with a key that its owner alone can read and that survives a restart`() async throws {
        let path = "/tmp/mrp-grant-key-\(getpid())-\(UInt32.random(in: .min ... .max))"
        defer { unlink(path) }
        let first = try GrantSigner(file: path)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let verifier = GrantVerifier()
        verifier.replaceKeys([try GrantSigner(file: path).key])
        let bench = try GrantBench()
        #expect(try await verifier.verify(try await first.sign(bench.grant)) == bench.grant)
        #expect(chmod(path, 0o644) == 0)
        #expect(throws: CredentialError.readableByOthers(path: path)) { try GrantSigner(file: path) }
    }
}
