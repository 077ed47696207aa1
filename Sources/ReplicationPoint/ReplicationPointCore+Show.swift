import Clockwork
import ControlProtocol
import Wire

// What operators see. Everything is sorted and made from values; nothing here changes the core.
extension ReplicationPointCore {
    package static let element = Element.replicationPoint

    package var channelsDocument: ChannelsDocument {
        ChannelsDocument(
            role: Self.element,
            channels: resources.keys.sorted().compactMap { channel in
                guard let resource = resources[channel] else { return nil }
                return ChannelRow(
                    channel: channel, renditions: resource.renditions.count, state: "mapped", resource: resource,
                    authorizedSubscribers: subscribers[channel]?.count ?? 0)
            })
    }

    package var subscribersDocument: SubscribersDocument {
        var rows: [String: SubscriberRow] = [:]
        for channel in subscribers.keys.sorted() {
            for entry in (subscribers[channel] ?? [:]).values {
                let stands = resources[channel]?.generation == entry.generation
                let row = SubscriberRow.Channel(
                    channel: channel, state: stands ? "authorized" : "outdated", expires: entry.expires)
                rows[entry.subscriber, default: SubscriberRow(subscriber: entry.subscriber, binding: entry.binding)]
                    .channels.append(row)
            }
        }
        return SubscribersDocument(role: Self.element, subscribers: rows.keys.sorted().compactMap { rows[$0] })
    }

    package var sessionsDocument: SessionsDocument {
        let registration = settings.registration
        return SessionsDocument(
            role: Self.element,
            sessions: [
                SessionRow(
                    kind: "registration", name: registration.name,
                    state: isProxyConnected ? "follows" : "not-connected",
                    detail: registration.prefixes.map(\.description).joined(separator: " "))
            ])
    }

    package var feedsDocument: FeedsDocument {
        let state: String
        if position == nil {
            state = "waiting-for-snapshot"
        } else if isProxyConnected {
            state = applied == position ? "in-step" : "behind"
        } else {
            state = "not-connected"
        }
        let routerPosition = routerApplied.map { FeedPosition(epoch: router.position.epoch, revision: $0) }
        return FeedsDocument(
            role: Self.element,
            feeds: [
                FeedRow(
                    direction: "follows", peer: "live-proxy", items: follower.count, position: position,
                    applied: applied, state: state),
                FeedRow(
                    direction: "publishes", peer: "router", items: router.count, position: router.position,
                    applied: routerPosition, state: isRouterConnected ? "open" : "not-connected"),
            ])
    }

    package var countersDocument: RoleCountersDocument {
        RoleCountersDocument(role: Self.element, counters: counters.all)
    }

    /// The replication point's part of the way from entitlement to packet.
    package func explain(subscriber: String, channel: ChannelKey) -> RoleExplanation {
        guard let resource = resources[channel] else {
            let step = ExplainStep(
                "channel-map", .failed, "The proxy's channel map does not name \(channel).", reason: "not-mapped",
                hint: "The proxy allocates it when the first viewer asks the OTT server to join.")
            return RoleExplanation(role: Self.element, steps: [step])
        }
        let mapped = ExplainStep(
            "channel-map", .ok,
            "\(channel) has generation \(resource.generation): "
                + resource.trees.map(\.description).joined(separator: " "))
        return RoleExplanation(
            role: Self.element, steps: [mapped, explainAuthorized(subscriber, channel, resource)], trees: resource.trees
        )
    }

    private func explainAuthorized(
        _ subscriber: String, _ channel: ChannelKey, _ resource: MulticastResource
    ) -> ExplainStep {
        guard let entry = subscribers[channel]?[subscriber] else {
            return ExplainStep(
                "authorized", .failed, "\(subscriber) is not authorized for \(channel) here.",
                reason: "not-authorized", hint: "The subscriber has to ask the OTT server to join.")
        }
        guard entry.generation == resource.generation else {
            return ExplainStep(
                "authorized", .failed, "The authorization is for generation \(entry.generation).",
                reason: "outdated-generation", hint: "The subscriber has to ask the OTT server again.")
        }
        let addresses = entry.binding.addresses.map(\.description).joined(separator: " ")
        return ExplainStep("authorized", .ok, "\(subscriber) may join with \(addresses).")
    }
}
