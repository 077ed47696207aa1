import Clockwork
import Wire

/// "The bearer may open a unicast session": signed by the live proxy, verified by the replication point. It opens a session
/// only; from then on the authorized list governs.
package struct ViewerGrant: Codable, Hashable, Sendable {
    /// Long enough to follow a redirect and a playlist by hand.
    package static let lifetime: Duration = .seconds(300)

    package var subscriber: String
    package var channel: ChannelKey
    /// Of the multicast resource it was made for.
    package var generation: UInt64
    /// The only address it may be used from.
    package var address: IPAddress
    package var expires: UnixTime

    package init(
        subscriber: String, channel: ChannelKey, generation: UInt64, address: IPAddress, expires: UnixTime
    ) {
        self.subscriber = subscriber
        self.channel = channel
        self.generation = generation
        self.address = address
        self.expires = expires
    }
}

/// Why a grant's text is not one of this proxy's grants. What a good one says is judged where sessions are kept.
package enum GrantRefusal: String, Error, Codable, Hashable, Sendable, CaseIterable {
    case tooLarge = "grant-too-large"
    case malformed = "grant-malformed"
    /// Signed by no key the proxy has fed.
    case unknownKey = "grant-unknown-key"
    case badSignature = "grant-bad-signature"
}

/// A key that grants are verified with.
package struct GrantKey: Codable, Hashable, Sendable {
    /// What a grant's header calls it.
    package var keyIdentifier: String
    /// PEM text of an Ed25519 key.
    package var publicKey: String

    package init(keyIdentifier: String, publicKey: String) {
        self.keyIdentifier = keyIdentifier
        self.publicKey = publicKey
    }
}
