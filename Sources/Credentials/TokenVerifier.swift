import Authorization
import Clockwork
import ControlProtocol
import FoundationEssentials
import JWTKit
import Synchronization
import Wire

/// Why a token is refused.
package enum TokenRefusal: String, Error, Hashable, Sendable, CaseIterable, Codable {
    case missing
    case tooLong = "too-long"
    case malformed
    case wrongAlgorithm = "wrong-algorithm"
    case badSignature = "bad-signature"
    case badClaims = "bad-claims"
    case wrongIssuer = "wrong-issuer"
    case wrongAudience = "wrong-audience"
    case notYetValid = "not-yet-valid"
    case expired
    /// Its lifetime is longer than the server takes.
    case lifetimeTooLong = "lifetime-too-long"
}

/// Verifies clients' tokens with one key and one algorithm; anything else is refused and counted by reason.
package final class TokenVerifier: Sendable {
    package struct Settings: Hashable, Sendable {
        package var algorithm: TokenAlgorithm
        package var issuer: String
        package var audience: String
        /// How far the clocks of issuer and server may differ.
        package var leeway: Duration = .seconds(30)
        package var maximumLifetime: Duration = .seconds(400 * 86_400)

        package init(algorithm: TokenAlgorithm, issuer: String, audience: String) {
            self.algorithm = algorithm
            self.issuer = issuer
            self.audience = audience
        }
    }

    package static let maximumTokenBytes = 4_096
    package static let maximumScopes = 256

    private struct Header: Decodable {
        var alg: String
        var crit: [String]?
    }

    private let settings: Settings
    /// The library's key store can only be filled asynchronously; the key itself is read at once.
    private let keys: Task<JWTKeyCollection, Never>
    private let refusals = Mutex<[TokenRefusal: UInt64]>([:])

    /// - Parameter publicKey: PEM text.
    package init(publicKey: String, settings: Settings) throws(CredentialError) {
        self.settings = settings
        do {
            switch settings.algorithm {
            case .es256:
                let key = try ES256PublicKey(pem: publicKey)
                keys = Task { await JWTKeyCollection().add(ecdsa: key) }
            case .edDSA:
                let key = try EdDSA.PublicKey(pem: publicKey)
                keys = Task { await JWTKeyCollection().add(eddsa: key) }
            }
        } catch {
            throw .notPEM(path: "the token key", expected: "a public \(settings.algorithm.rawValue) key")
        }
    }

    /// How often each reason was given.
    package var refusalCounts: [TokenRefusal: UInt64] { refusals.withLock { $0 } }

    /// - Parameter authorizationHeader: the whole value of an `Authorization` header field; nil when there was none.
    package func verify(
        authorizationHeader: String?, now: UnixTime
    ) async throws(TokenRefusal) -> TokenGrant {
        guard let authorizationHeader else { throw counted(.missing) }
        let parts = authorizationHeader.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw counted(.missing) }
        return try await verify(String(parts[1]), now: now)
    }

    package func verify(_ token: String, now: UnixTime) async throws(TokenRefusal) -> TokenGrant {
        do throws(TokenRefusal) {
            let claims = try await authenticate(token)
            return try judge(claims, now: now)
        } catch {
            throw counted(error)
        }
    }

    /// Checks form, algorithm and signature, in this order: nothing of an unsigned token is believed.
    private func authenticate(_ token: String) async throws(TokenRefusal) -> TokenClaims {
        guard token.utf8.count <= Self.maximumTokenBytes else { throw .tooLong }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Data(base64URL: parts[0]),
            let header = try? JSONDecoder().decode(Header.self, from: bytes)
        else { throw .malformed }
        guard header.alg == settings.algorithm.rawValue, header.crit == nil else { throw .wrongAlgorithm }
        do {
            return try await keys.value.verify(token, as: TokenClaims.self)
        } catch let error as JWTError where error.errorType == .signatureVerificationFailed {
            throw .badSignature
        } catch let error as JWTError where error.errorType == .malformedToken {
            throw .badClaims
        } catch {
            throw .badSignature
        }
    }

    private func judge(_ claims: TokenClaims, now: UnixTime) throws(TokenRefusal) -> TokenGrant {
        guard let expires = UnixTime(claim: claims.exp), ChannelKey.isName(claims.sub),
            (claims.channels?.count ?? 0) <= Self.maximumScopes, (claims.addresses?.count ?? 0) <= Self.maximumScopes
        else { throw .badClaims }
        guard claims.iss == settings.issuer else { throw .wrongIssuer }
        guard claims.aud.value.contains(settings.audience) else { throw .wrongAudience }
        if let notBefore = claims.nbf {
            guard let start = UnixTime(claim: notBefore) else { throw .badClaims }
            guard now + settings.leeway >= start else { throw .notYetValid }
        }
        guard expires > now else { throw .expired }
        guard expires - now <= settings.maximumLifetime else { throw .lifetimeTooLong }
        return TokenGrant(
            subscriber: claims.sub, expires: expires, channels: claims.channels, addresses: claims.addresses)
    }

    private func counted(_ refusal: TokenRefusal) -> TokenRefusal {
        refusals.withLock { $0[refusal, default: 0] += 1 }
        return refusal
    }
}

extension Data {
    /// RFC 4648 §5, without padding.
    init?(base64URL text: some StringProtocol) {
        var standard = text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        standard += Array(repeating: "=", count: (4 - standard.count % 4) % 4)
        self.init(base64Encoded: String(standard))
    }
}
