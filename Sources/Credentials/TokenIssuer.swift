import JWTKit

/// Signs clients' tokens; the operator's tool and tests use it, the server never does.
package struct TokenIssuer: Sendable {
    private let keys: JWTKeyCollection

    /// - Parameter privateKey: PEM text.
    package init(privateKey: String, algorithm: TokenAlgorithm) async throws(CredentialError) {
        let keys = JWTKeyCollection()
        do {
            switch algorithm {
            case .es256: await keys.add(ecdsa: try ES256PrivateKey(pem: privateKey))
            case .edDSA: await keys.add(eddsa: try EdDSA.PrivateKey(pem: privateKey))
            }
        } catch {
            throw .notPEM(path: "the token key", expected: "a private \(algorithm.rawValue) key")
        }
        self.keys = keys
    }

    package func sign(_ claims: TokenClaims) async throws(CredentialError) -> String {
        do {
            return try await keys.sign(claims)
        } catch {
            throw .cannotSign("\(error)")
        }
    }
}
