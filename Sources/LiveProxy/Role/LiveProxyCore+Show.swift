import Channels
import Clockwork
import ControlProtocol
import Wire

// What operators see. Everything is sorted and made from values; nothing here changes the core.
extension LiveProxyCore {
    package static let element = Element.liveProxy

    package var channelsDocument: ChannelsDocument {
        ChannelsDocument(
            role: Self.element,
            channels: channels.keys.sorted().compactMap { channel in
                guard let state = channels[channel] else { return nil }
                return ChannelRow(
                    channel: channel, title: state.description?.title,
                    renditions: state.description?.renditions.count ?? 0, state: state.phase.word,
                    resource: allocator[channel], outputPorts: outputPorts(of: channel),
                    authorizedSubscribers: joins[ServedChannel(server: state.server, channel: channel)]?.count ?? 0)
            })
    }

    package var subscribersDocument: SubscribersDocument {
        var rows: [String: SubscriberRow] = [:]
        for served in joins.keys.sorted() {
            let state = channels[served.channel]
            for join in (joins[served] ?? [:]).values {
                let stands =
                    state?.server == served.server && state?.serial == join.serial && allocator[served.channel] != nil
                let entry = SubscriberRow.Channel(
                    channel: served.channel, state: stands ? "authorized" : "outdated", expires: join.expires)
                rows[join.subscriber, default: SubscriberRow(subscriber: join.subscriber, binding: join.binding)]
                    .channels.append(entry)
            }
        }
        return SubscribersDocument(role: Self.element, subscribers: rows.keys.sorted().compactMap { rows[$0] })
    }

    package var sessionsDocument: SessionsDocument {
        let ingests = channels.keys.sorted().filter { channels[$0]?.isIngesting == true }.map {
            SessionRow(kind: "ingest", name: "\($0)", state: "running")
        }
        let registrations = points.keys.sorted().compactMap { points[$0] }.map { point in
            SessionRow(
                kind: "registration", name: point.registration.name, state: point.openFeeds > 0 ? "follows" : "silent",
                detail: point.registration.prefixes.map(\.description).joined(separator: " "))
        }
        return SessionsDocument(role: Self.element, sessions: ingests + registrations)
    }

    package var feedsDocument: FeedsDocument {
        let followed = servers.keys.sorted().compactMap { name in
            servers[name].map { server in
                FeedRow(
                    direction: "follows", peer: name, items: server.follower.count, position: server.follower.position,
                    state: server.hasSnapshot ? "in-step" : "waiting-for-snapshot")
            }
        }
        let published = points.keys.sorted().compactMap { points[$0] }.map { point in
            feedRow(point)
        }
        let own = FeedRow(
            direction: "publishes", peer: "router", items: router.count, position: router.position,
            state: isRouterConnected ? "open" : "not-connected")
        return FeedsDocument(role: Self.element, feeds: followed + (published + [own]).sorted { $0.peer < $1.peer })
    }

    private func feedRow(_ point: PointState) -> FeedRow {
        let position = point.publisher.position
        let state: String
        if isHeld {
            state = "held"
        } else if point.openFeeds == 0 {
            state = "closed"
        } else {
            state = point.applied == position.revision ? "in-step" : "behind"
        }
        return FeedRow(
            direction: "publishes", peer: point.registration.name, items: point.publisher.count, position: position,
            applied: point.applied.map { FeedPosition(epoch: position.epoch, revision: $0) }, state: state)
    }

    package var countersDocument: RoleCountersDocument {
        RoleCountersDocument(role: Self.element, counters: counters.all)
    }

    /// The proxy's part of the way from entitlement to packet.
    package func explain(subscriber: String, channel: ChannelKey) -> RoleExplanation {
        guard let state = channels[channel] else {
            let step = ExplainStep(
                "allocation", .failed, "No OTT server asks this proxy for \(channel).", reason: "not-allocated",
                hint: "Join the channel, or pre-allocate it with mrpctl.")
            return RoleExplanation(role: Self.element, steps: [step])
        }
        guard let resource = allocator[channel] else {
            let step = ExplainStep(
                "allocation", .failed, "\(channel) has no multicast resource: \(state.phase.word).",
                reason: state.phase.word, hint: "mrpctl show counters tells how often this happened and why.")
            return RoleExplanation(role: Self.element, steps: [step])
        }
        let allocated = ExplainStep(
            "allocation", .ok,
            "\(channel) has generation \(resource.generation): "
                + resource.trees.map(\.description).joined(separator: " "))
        return RoleExplanation(
            role: Self.element,
            steps: [allocated, explainIngest(channel, state), explainJoin(subscriber, channel, state)],
            trees: resource.trees)
    }

    private func explainIngest(_ channel: ChannelKey, _ state: ChannelState) -> ExplainStep {
        let ports = outputPorts(of: channel)
        return state.isIngesting
            ? ExplainStep("ingest", .ok, "All renditions are pulled and sent; \(ports) output ports ask for them.")
            : ExplainStep(
                "ingest", ports > 0 ? .failed : .unknown, "Nothing is pulled: \(state.phase.word).",
                reason: "no-ingest", hint: "Ingest starts with the first output port.")
    }

    private func explainJoin(_ subscriber: String, _ channel: ChannelKey, _ state: ChannelState) -> ExplainStep {
        guard let join = joins[ServedChannel(server: state.server, channel: channel)]?[subscriber] else {
            return ExplainStep(
                "channel-join", .failed, "The OTT server has not authorized \(subscriber) here.",
                reason: "not-authorized", hint: "The subscriber has to ask the OTT server to join.")
        }
        guard join.serial == state.serial else {
            return ExplainStep(
                "channel-join", .failed, "The authorization is for an earlier allocation.", reason: "outdated",
                hint: "The subscriber has to ask the OTT server again.")
        }
        let names = join.binding.addresses.compactMap { address in
            registrations.longestMatch(for: address) { $0.prefixes }?.name
        }
        guard let name = names.first else {
            return ExplainStep(
                "channel-join", .failed, "No registered replication point has a prefix that holds the subscriber.",
                reason: "no-replication-point", hint: "Compare the prefixes in mrpctl show sessions.")
        }
        return ExplainStep("channel-join", .ok, "\(subscriber) is authorized and was passed on to \(name).")
    }
}
