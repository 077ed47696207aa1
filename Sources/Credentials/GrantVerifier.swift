import Clockwork
import ControlProtocol
import FoundationEssentials
import JWTKit
import Synchronization
import Wire

/// Tells the proxy's grants from anything else, with the keys the proxy fed. Whether a grant opens anything here and now is
/// the replication point's core to say.
package final class GrantVerifier: Sendable {
    package static let maximumGrantBytes = 1_024
    /// Grants whose signature was found good: players send the same one with each segment.
    package static let defaultMaximumKnownGrants = 16_384

    private struct Header: Decodable {
        var alg: String
        var kid: String?
        var crit: [String]?
    }

    private struct State {
        /// One collection a key, because the library tries all it has.
        var keys: [String: Task<JWTKeyCollection, Never>] = [:]
        var known: [String: ViewerGrant] = [:]
        var refusals: [GrantRefusal: UInt64] = [:]
        var unusableKeys: UInt64 = 0
    }

    package let maximumKnownGrants: Int
    private let state = Mutex(State())

    package init(maximumKnownGrants: Int = defaultMaximumKnownGrants) {
        self.maximumKnownGrants = maximumKnownGrants
    }

    /// How often each reason was given.
    package var refusalCounts: [GrantRefusal: UInt64] { state.withLock { $0.refusals } }
    /// Keys a proxy fed that are none.
    package var unusableKeys: UInt64 { state.withLock { $0.unusableKeys } }

    package var knownGrants: Int { state.withLock { $0.known.count } }

    /// Takes the proxy's keys in place of those before; what they do not sign is good no more.
    package func replaceKeys(_ keys: [GrantKey]) {
        state.withLock { state in
            state.keys = [:]
            state.known = [:]
            for key in keys {
                guard let usable = try? EdDSA.PublicKey(pem: key.publicKey) else {
                    state.unusableKeys += 1
                    continue
                }
                state.keys[key.keyIdentifier] = Task {
                    await JWTKeyCollection().add(eddsa: usable, kid: JWKIdentifier(string: key.keyIdentifier))
                }
            }
        }
    }

    package func verify(_ text: String) async throws(GrantRefusal) -> ViewerGrant {
        do throws(GrantRefusal) {
            return try await authenticate(text)
        } catch {
            state.withLock { $0.refusals[error, default: 0] += 1 }
            throw error
        }
    }

    /// Checks size, form, algorithm, key and signature, in this order: nothing of an unsigned grant is believed.
    private func authenticate(_ text: String) async throws(GrantRefusal) -> ViewerGrant {
        guard text.utf8.count <= Self.maximumGrantBytes else { throw .tooLarge }
        if let known = state.withLock({ $0.known[text] }) { return known }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Data(base64URL: parts[0]),
            let header = try? JSONDecoder().decode(Header.self, from: bytes), header.alg == "EdDSA",
            header.crit == nil, let name = header.kid
        else { throw .malformed }
        guard let keys = state.withLock({ $0.keys[name] }) else { throw .unknownKey }
        let claims: GrantClaims
        do {
            claims = try await keys.value.verify(text, as: GrantClaims.self)
        } catch let error as JWTError where error.errorType == .malformedToken {
            throw .malformed
        } catch is DecodingError {
            throw .malformed
        } catch {
            throw .badSignature
        }
        guard let grant = ViewerGrant(claims) else { throw .malformed }
        state.withLock { state in
            guard state.keys[name] == keys else { return }
            if state.known.count >= maximumKnownGrants { state.known = [:] }
            state.known[text] = grant
        }
        return grant
    }
}

extension ViewerGrant {
    init?(_ claims: GrantClaims) {
        guard ChannelKey.isName(claims.sub), let address = IPAddress(claims.address),
            let expires = UnixTime(claim: claims.exp)
        else { return nil }
        self.init(
            subscriber: claims.sub, channel: claims.channel, generation: claims.generation, address: address,
            expires: expires)
    }
}
