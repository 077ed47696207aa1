import Clockwork
import ControlProtocol
import Wire

/// Decides who may join what. Default is refusal.
package struct AuthorizationPolicy: Hashable, Sendable {
    /// No authorization lasts longer without being asked for again.
    package var lifetime: Duration

    package init(lifetime: Duration = .seconds(3_600)) {
        self.lifetime = lifetime
    }

    /// Whether the bearer of `token`, asking from `address`, may join `channel`, as what, and until when: the soonest
    /// of the token's expiry, the entitlement's end and the lifetime.
    package func decide(
        token: TokenGrant, record: SubscriberRecord?, channel: ChannelKey, address: IPAddress, now: UnixTime
    ) -> Result<AuthorizationGrant, AuthorizationRefusal> {
        guard let record, record.id == token.subscriber else { return .failure(.unknownSubscriber) }
        guard token.expires > now else { return .failure(.tokenExpired) }
        if let channels = token.channels, !channels.contains(where: { $0.contains(channel) }) {
            return .failure(.channelNotInToken)
        }
        if let addresses = token.addresses, !addresses.contains(where: { $0.contains(address) }) {
            return .failure(.addressNotInToken)
        }
        return entitlementEnd(of: record, channel: channel, now: now).flatMap { end in
            bind(record.binding, to: address).map { binding in
                AuthorizationGrant(
                    binding: binding, expires: min(token.expires, now + lifetime, end ?? token.expires))
            }
        }
    }

    /// What is left of a grant after its subscriber's record changed.
    package func review(
        _ grant: AuthorizationGrant, record: SubscriberRecord?, channel: ChannelKey, now: UnixTime
    ) -> Result<AuthorizationGrant, AuthorizationRefusal> {
        guard let record else { return .failure(.unknownSubscriber) }
        return entitlementEnd(of: record, channel: channel, now: now).map { end in
            var binding = record.binding
            if binding.addresses.isEmpty { binding.addresses = grant.binding.addresses }
            return AuthorizationGrant(binding: binding, expires: min(grant.expires, end ?? grant.expires))
        }
    }

    /// Nil inside success means without end; of several entitlements the longest counts.
    package func entitlementEnd(
        of record: SubscriberRecord, channel: ChannelKey, now: UnixTime
    ) -> Result<UnixTime?, AuthorizationRefusal> {
        let matching = record.entitlements.filter { $0.scope.contains(channel) }
        guard !matching.isEmpty else { return .failure(.notEntitled) }
        if matching.contains(where: { $0.until == nil }) { return .success(nil) }
        guard let end = matching.compactMap(\.until).max(), end > now else { return .failure(.entitlementEnded) }
        return .success(end)
    }

    /// A subscriber whose addresses are known may ask only from one of them: else a stolen token would tell a stranger
    /// which groups there are.
    private func bind(
        _ binding: SubscriberBinding, to address: IPAddress
    ) -> Result<SubscriberBinding, AuthorizationRefusal> {
        guard !binding.addresses.isEmpty else {
            var bound = binding
            bound.addresses = [address]
            return .success(bound)
        }
        return binding.addresses.contains(address) ? .success(binding) : .failure(.addressNotBound)
    }
}
