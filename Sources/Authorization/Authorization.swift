import Clockwork
import ControlProtocol
import Wire

/// What a verified token says of its bearer; whoever makes one has checked the signature, the issuer and the audience.
package struct TokenGrant: Hashable, Sendable {
    package var subscriber: String
    package var expires: UnixTime
    /// The only channels the token opens; nil for all the subscriber is entitled to.
    package var channels: [ChannelScope]?
    /// The only addresses the token may be used from; nil for any.
    package var addresses: [IPPrefix]?

    package init(
        subscriber: String, expires: UnixTime, channels: [ChannelScope]? = nil, addresses: [IPPrefix]? = nil
    ) {
        self.subscriber = subscriber
        self.expires = expires
        self.channels = channels
        self.addresses = addresses
    }
}

/// A subscriber's right to channels, without end where `until` is nil.
package struct Entitlement: Codable, Hashable, Sendable {
    package var scope: ChannelScope
    package var until: UnixTime?

    package init(scope: ChannelScope, until: UnixTime? = nil) {
        self.scope = scope
        self.until = until
    }
}

/// A subscriber as the catalogue knows it.
package struct SubscriberRecord: Codable, Hashable, Sendable {
    package static let maximumEntitlements = 1_024

    package var id: String
    /// Without addresses, the one a join request comes from is taken.
    package var binding: SubscriberBinding
    package var entitlements: [Entitlement]

    package init(id: String, binding: SubscriberBinding, entitlements: [Entitlement] = []) {
        self.id = id
        self.binding = binding
        self.entitlements = entitlements
    }
}

/// Why a subscriber may not join a channel, in the order in which the questions are asked.
package enum AuthorizationRefusal: String, Error, Hashable, Sendable, CaseIterable, Codable {
    case unknownSubscriber = "unknown-subscriber"
    case tokenExpired = "token-expired"
    case channelNotInToken = "channel-not-in-token"
    case addressNotInToken = "address-not-in-token"
    case notEntitled = "not-entitled"
    case entitlementEnded = "entitlement-ended"
    case addressNotBound = "address-not-bound"
}

/// What a subscriber was given for one channel.
package struct AuthorizationGrant: Hashable, Sendable {
    package var binding: SubscriberBinding
    package var expires: UnixTime

    package init(binding: SubscriberBinding, expires: UnixTime) {
        self.binding = binding
        self.expires = expires
    }
}
