import Crypto
import JWTKit

/// How tokens are signed; a server takes exactly one.
package enum TokenAlgorithm: String, Hashable, Sendable, CaseIterable, Codable {
    case es256 = "ES256"
    case edDSA = "EdDSA"
}

/// A new pair of keys, each as PEM.
package struct TokenKeyPair: Sendable {
    package let privateKey: String
    package let publicKey: String

    package init(_ algorithm: TokenAlgorithm) throws(CredentialError) {
        switch algorithm {
        case .es256:
            let key = P256.Signing.PrivateKey()
            privateKey = key.pemRepresentation + "\n"
            publicKey = key.publicKey.pemRepresentation + "\n"
        case .edDSA:
            guard let key = try? EdDSA.PrivateKey() else { throw .cannotSign("no EdDSA key could be made") }
            privateKey = key.pemRepresentation + "\n"
            publicKey = key.publicKey.pemRepresentation + "\n"
        }
    }
}
