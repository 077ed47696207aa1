import ControlProtocol
import JWTKit

/// Signs grants with the live proxy's own key (Ed25519); replication points get the public half by their feed.
package struct GrantSigner: Sendable {
    package let key: GrantKey
    private let keys: Task<JWTKeyCollection, Never>

    /// - Parameter privateKey: PEM text.
    package init(privateKey: String) throws(CredentialError) {
        do {
            let key = try EdDSA.PrivateKey(pem: privateKey)
            let named = GrantKey(key.publicKey)
            self.key = named
            keys = Task {
                await JWTKeyCollection().add(eddsa: key, kid: JWKIdentifier(string: named.keyIdentifier))
            }
        } catch {
            throw .notPEM(path: "the grant key", expected: "a private Ed25519 key")
        }
    }

    /// The key in `path`, made now where there is none: the grants of an earlier life stay good.
    package init(file path: String) throws(CredentialError) {
        do throws(CredentialError) {
            try CredentialFile.write(TokenKeyPair(.edDSA).privateKey, to: path, as: .privateKey, replacing: false)
        } catch .exists {}
        try self.init(privateKey: CredentialFile.read(path, as: .privateKey))
    }

    package func sign(_ grant: ViewerGrant) async throws(CredentialError) -> String {
        do {
            return try await keys.value.sign(
                GrantClaims(grant), kid: JWKIdentifier(string: key.keyIdentifier))
        } catch {
            throw .cannotSign("\(error)")
        }
    }
}
