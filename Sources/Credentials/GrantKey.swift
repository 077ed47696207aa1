import Clockwork
import ControlProtocol
import Crypto
import FoundationEssentials
import JWTKit
import Wire

extension GrantKey {
    /// The public half of an Ed25519 key under the name its own bytes give it.
    init(_ key: EdDSA.PublicKey) {
        let digest = SHA256.hash(data: key.rawRepresentation)
        let name = digest.prefix(Self.identifierBytes).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        self.init(keyIdentifier: name.joined(), publicKey: key.pemRepresentation)
    }

    private static let identifierBytes = 8
}

/// What a grant says, in the claims' own names; times are seconds since 1970.
struct GrantClaims: JWTPayload {
    var sub: String
    var channel: ChannelKey
    var generation: UInt64
    var address: String
    var exp: Double

    init(_ grant: ViewerGrant) {
        sub = grant.subscriber
        channel = grant.channel
        generation = grant.generation
        address = grant.address.description
        exp = Double(grant.expires.milliseconds / 1_000)
    }

    /// Times and names are judged where sessions are kept.
    func verify(using algorithm: some JWTAlgorithm) {}
}
