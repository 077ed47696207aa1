import Channels
import Clockwork
import ControlProtocol
import Wire

// What one input has changed becomes actions here, in the one order that is safe: disk, then the end of old packets, then
// the router, then new packets, then the nodes.
extension LiveProxyCore {
    package var state: LiveProxyState {
        LiveProxyState(
            allocator: allocator.state,
            channels: channels.keys.sorted().compactMap { channel in
                guard let state = channels[channel], state.phase.isAllocated, let description = state.description
                else { return nil }
                return LiveProxyState.Channel(
                    server: state.server, channel: channel, serial: state.serial,
                    preallocation: state.preallocation, description: description)
            })
    }

    mutating func flush() -> [LiveProxyAction] {
        let changes = changes
        self.changes = PendingChanges()
        var actions: [LiveProxyAction] = []
        if changes.isStateChanged { actions.append(.persist(state)) }
        actions += changes.stopped.map { .stopIngest(channel: $0.channel, generation: $0.generation) }
        actions += feedRouter(changes)
        actions += changes.started.map { .startIngest($0) }
        actions += publish(changes)
        actions += changes.fetches.map { .fetchDescription(server: $0.server, channel: $0.channel) }
        let settled = settle()
        actions += changes.reports.union(settled).sorted().filter { position(of: $0) != nil }.map {
            .reportDue(server: $0)
        }
        return actions + changes.others
    }

    private mutating func feedRouter(_ changes: PendingChanges) -> [LiveProxyAction] {
        let message = router.update(upserts: changes.trees, removals: changes.removedTrees)
        if changes.isRouterSnapshotDue { return [.router(router.snapshot)] }
        return isRouterConnected ? message.map { [.router($0)] } ?? [] : []
    }

    // MARK: - Replication points

    private mutating func publish(_ changes: PendingChanges) -> [LiveProxyAction] {
        let messages = changes.isPartitionChanged ? repartition() : update(by: changes)
        guard !isHeld else { return [] }
        let caughtUp = Set(changes.catchUps.map(\.point))
        var actions: [LiveProxyAction] = []
        for (name, message) in messages where !caughtUp.contains(name) {
            guard let point = points[name], point.openFeeds > 0 else { continue }
            actions.append(.publish(point: name, message: message))
        }
        for (name, position) in changes.catchUps {
            actions += (points[name]?.publisher.catchUp(from: position) ?? []).map {
                .publish(point: name, message: $0)
            }
        }
        return actions
    }

    /// Looks at every subscriber again, because other points serve them now.
    private mutating func repartition() -> [(point: String, message: FeedMessage<ProxyFeedItem>)] {
        registrations = points.keys.sorted().compactMap { points[$0]?.registration }
        let map = grantKeys + allocator.current.compactMap { mapEntry(of: $0.channel) }
        var items: [String: [ProxyFeedItem]] = [:]
        for served in joins.keys.sorted() {
            for join in (joins[served] ?? [:]).values {
                guard let entry = authorized(join, of: served) else { continue }
                for name in receivers(of: entry.binding) { items[name, default: []].append(.authorized(entry)) }
            }
        }
        return points.keys.sorted().compactMap { name in
            points[name]?.publisher.replace(with: map + (items[name] ?? [])).map { (name, $0) }
        }
    }

    private mutating func update(
        by changes: PendingChanges
    ) -> [(point: String, message: FeedMessage<ProxyFeedItem>)] {
        let deltas = deltas(of: changes)
        return points.keys.sorted().compactMap { name in
            guard let delta = deltas[name] else { return nil }
            return points[name]?.publisher.update(upserts: delta.upserts, removals: delta.removals).map { (name, $0) }
        }
    }

    private struct Delta {
        var upserts: [ProxyFeedItem] = []
        var removals: [String] = []
    }

    /// What each point is told of the channels and joins that changed.
    private func deltas(of changes: PendingChanges) -> [String: Delta] {
        var deltas: [String: Delta] = [:]
        for name in points.keys { deltas[name] = Delta() }
        for channel in changes.channels.sorted() {
            for name in points.keys {
                if let entry = mapEntry(of: channel) {
                    deltas[name]?.upserts.append(entry)
                } else {
                    deltas[name]?.removals.append(ProxyFeedItem.channelMapKey(channel))
                }
            }
        }
        var touched = changes.joins
        for served in joins.keys where changes.channels.contains(served.channel) {
            touched[served, default: []].formUnion((joins[served] ?? [:]).keys)
        }
        for served in touched.keys.sorted() {
            for subscriber in (touched[served] ?? []).sorted() {
                add(subscriber, of: served, to: &deltas)
            }
        }
        return deltas
    }

    private func add(_ subscriber: String, of served: ServedChannel, to deltas: inout [String: Delta]) {
        let join = joins[served]?[subscriber]
        let entry = join.flatMap { authorized($0, of: served) }
        // Another server's subscriber of the same name is not ours to take away.
        if entry == nil, let owner = channels[served.channel]?.server, owner != served.server { return }
        let names = entry.map { receivers(of: $0.binding) } ?? []
        for name in points.keys {
            if let entry, names.contains(name) {
                deltas[name]?.upserts.append(.authorized(entry))
            } else {
                deltas[name]?.removals.append(ProxyFeedItem.authorizedKey(served.channel, subscriber: subscriber))
            }
        }
    }

    private var grantKeys: [ProxyFeedItem] { settings.grantKey.map { [.grantKey($0)] } ?? [] }

    private func mapEntry(of channel: ChannelKey) -> ProxyFeedItem? {
        guard let resource = allocator[channel], let description = channels[channel]?.description else { return nil }
        return .channelMap(ChannelMapEntry(resource: resource, description: description))
    }

    /// The join as replication points get it; nil unless the allocation it belongs to stands.
    private func authorized(_ join: ChannelJoinIndication, of served: ServedChannel) -> AuthorizedSubscriber? {
        guard let state = channels[served.channel], state.server == served.server, state.serial == join.serial,
            let resource = allocator[served.channel]
        else { return nil }
        return AuthorizedSubscriber(
            subscriber: join.subscriber, binding: join.binding, channel: join.channel,
            generation: resource.generation, expires: join.expires)
    }

    /// The points whose prefixes hold the subscriber's addresses, the longest prefix deciding.
    private func receivers(of binding: SubscriberBinding) -> Set<String> {
        Set(
            binding.addresses.compactMap { address in
                registrations.longestMatch(for: address) { $0.prefixes }?.name
            })
    }

    // MARK: - Servers

    /// Notes up to which revision of each server the points' feeds reflect everything; the servers that gain by it.
    private mutating func settle() -> Set<String> {
        var gained: Set<String> = []
        for server in servers.keys.sorted() {
            guard let revision = servers[server]?.follower.position?.revision else { continue }
            let first = waiting.compactMap { channels[$0.key]?.server == server ? $0.value : nil }.min()
            let settled = min(revision, first.map { $0 == 0 ? 0 : $0 - 1 } ?? revision)
            for name in points.keys.sorted() {
                let before = points[name]?.reached[server]
                points[name]?.note(settled, of: server)
                if points[name]?.reached[server] != before { gained.insert(server) }
            }
        }
        return gained
    }
}
