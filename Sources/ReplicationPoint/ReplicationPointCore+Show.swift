import Clockwork
import ControlProtocol
import Wire

// What operators see. Everything is sorted and made from values; nothing here changes the core.
extension ReplicationPointCore {
    package static let element = Element.replicationPoint

    package var channelsDocument: ChannelsDocument {
        ChannelsDocument(
            role: Self.element,
            channels: channelMap.keys.sorted().compactMap { channel in
                guard let entry = channelMap[channel] else { return nil }
                return ChannelRow(
                    channel: channel, title: entry.description.title, renditions: entry.resource.renditions.count,
                    state: "mapped", resource: entry.resource, authorizedSubscribers: subscribers[channel]?.count ?? 0)
            })
    }

    package var subscribersDocument: SubscribersDocument {
        var rows: [String: SubscriberRow] = [:]
        for channel in subscribers.keys.sorted() {
            for entry in (subscribers[channel] ?? [:]).values {
                let stands = channelMap[channel]?.resource.generation == entry.generation
                let row = SubscriberRow.Channel(
                    channel: channel, state: stands ? "authorized" : "outdated", expires: entry.expires)
                rows[entry.subscriber, default: SubscriberRow(subscriber: entry.subscriber, binding: entry.binding)]
                    .channels.append(row)
            }
        }
        return SubscribersDocument(role: Self.element, subscribers: rows.keys.sorted().compactMap { rows[$0] })
    }

    /// - Parameter progress: of the streams that are open.
    package func sessionsDocument(_ progress: [StreamProgress] = []) -> SessionsDocument {
        let registration = settings.registration
        let own = SessionRow(
            kind: "registration", name: registration.name, state: isProxyConnected ? "follows" : "not-connected",
            detail: registration.prefixes.map(\.description).joined(separator: " "))
        let streams = Dictionary(grouping: progress, by: \.session)
        let rows = viewers.values.sorted {
            ($0.key.subscriber, $0.key.channel, $0.key.address) < ($1.key.subscriber, $1.key.channel, $1.key.address)
        }.map { row($0, streams[$0.id] ?? []) }
        return SessionsDocument(role: Self.element, sessions: [own] + rows)
    }

    private func row(_ viewer: ViewerState, _ streams: [StreamProgress]) -> SessionRow {
        let key = viewer.key
        let bytes = streams.reduce(viewer.bytes) { $0 &+ $1.bytes }
        var detail = ["\(key.channel)"] + viewer.renditions
        detail.append("\(bytes) bytes")
        if !streams.isEmpty {
            detail.append("\(streams.reduce(0) { $0 &+ $1.bitRate }) bit/s")
            let behind = streams.map(\.behindLive).max() ?? .zero
            detail.append("\(behind.milliseconds) ms behind live")
        }
        let state = viewer.openStreams > 0 ? "streaming" : viewer.held.isEmpty ? "idle" : "playlist"
        return SessionRow(
            kind: "viewer", name: key.subscriber, peer: key.address.description, state: state, since: viewer.since,
            expires: subscribers[key.channel]?[key.subscriber]?.expires, detail: detail.joined(separator: ", "))
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
        guard let resource = channelMap[channel]?.resource else {
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
            role: Self.element,
            steps: [mapped, explainAuthorized(subscriber, channel, resource)] + explainUnicast(subscriber, channel),
            trees: resource.trees)
    }

    /// Nothing where the subscriber never asked by unicast.
    private func explainUnicast(_ subscriber: String, _ channel: ChannelKey) -> [ExplainStep] {
        let sessions = (sessionsOf[subscriber] ?? []).sorted().compactMap { viewers[$0] }.filter {
            $0.key.channel == channel
        }
        let open = sessions.map { viewer in
            let wanted = viewer.renditions.joined(separator: " ")
            return ExplainStep(
                "unicast", .ok,
                "\(subscriber) has a session from \(viewer.key.address) with \(viewer.openStreams) streams open"
                    + (wanted.isEmpty ? "." : "; it wants \(wanted)."))
        }
        guard open.isEmpty, let last = refusals.last(subscriber, channel) else { return open }
        return [
            ExplainStep(
                "unicast", .failed, "\(subscriber) was last refused from \(last.address).",
                reason: last.refusal.rawValue, hint: last.refusal.problem(channel).detail)
        ]
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
