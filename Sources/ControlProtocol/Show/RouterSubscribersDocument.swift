import Clockwork
import Wire

/// The router's part of `show subscribers`: each authorization and what its subscriber does with it.
package struct RouterSubscribersDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.router-subscribers/1"

    package var schema = RouterSubscribersDocument.schemaName
    /// Sorted by subscriber, group, source, owner.
    package var authorizations: [AuthorizationEntry]
    /// Hosts that report and match no authorization, sorted by interface, group, host.
    package var refused: [RefusedMembership]

    package init(authorizations: [AuthorizationEntry], refused: [RefusedMembership]) {
        self.authorizations = authorizations
        self.refused = refused
    }
}

package struct AuthorizationEntry: Codable, Hashable, Sendable {
    package var subscriber: String
    package var owner: String
    package var source: IPAddress?
    package var group: IPAddress
    package var binding: SubscriberBinding
    package var expires: UnixTime
    /// Seconds left; zero when expired.
    package var expire: Double
    package var label: String?
    /// `member`, `not-joined` or `expired`.
    package var state: String
    package var memberships: [SubscriberMembership]

    package init(
        subscriber: String, owner: String, source: IPAddress?, group: IPAddress, binding: SubscriberBinding,
        expires: UnixTime, expire: Double, label: String?, state: String, memberships: [SubscriberMembership]
    ) {
        self.subscriber = subscriber
        self.owner = owner
        self.source = source
        self.group = group
        self.binding = binding
        self.expires = expires
        self.expire = expire
        self.label = label
        self.state = state
        self.memberships = memberships
    }
}

package struct SubscriberMembership: Codable, Hashable, Sendable {
    package var interface: String
    package var bridgePort: String?
    package var hostAddress: IPAddress
    /// Seconds.
    package var upTime: Double
    package var leaving: Bool

    package init(interface: String, bridgePort: String?, hostAddress: IPAddress, upTime: Double, leaving: Bool) {
        self.interface = interface
        self.bridgePort = bridgePort
        self.hostAddress = hostAddress
        self.upTime = upTime
        self.leaving = leaving
    }
}

package struct RefusedMembership: Codable, Hashable, Sendable {
    package var interface: String
    package var bridgePort: String?
    package var hostAddress: IPAddress
    package var source: IPAddress?
    package var group: IPAddress
    package var reason: String

    package init(
        interface: String, bridgePort: String?, hostAddress: IPAddress, source: IPAddress?, group: IPAddress,
        reason: String
    ) {
        self.interface = interface
        self.bridgePort = bridgePort
        self.hostAddress = hostAddress
        self.source = source
        self.group = group
        self.reason = reason
    }
}
