import Clockwork
import ControlProtocol
import Wire

extension ReplicationPointCore {
    /// Tells the router what follows from the changed subscribers and map entries.
    mutating func publish(
        _ touched: Set<AuthorizationKey>, _ mapped: Set<ChannelKey>, asSnapshot: Bool
    ) {
        var upserts: [RouterFeedItem] = []
        var removals: [String] = []
        for channel in mapped.sorted() {
            let gone = touched.filter { $0.channel == channel }.map(\.subscriber)
            remap(channel, gone: gone, &upserts, &removals)
        }
        for key in touched.sorted() where !mapped.contains(key.channel) {
            let trees = channelMap[key.channel]?.resource.trees ?? []
            let items = items(of: key)
            upserts += items
            if items.isEmpty {
                removals += trees.map { RouterFeedItem.authorizationKey($0, subscriber: key.subscriber) }
            }
        }
        let message = router.update(upserts: upserts, removals: removals)
        if asSnapshot {
            if isRouterConnected { actions.append(.router(router.snapshot)) }
        } else {
            send(message)
        }
    }

    /// Held back until the proxy has spoken: then the router gets a snapshot.
    mutating func send(_ message: FeedMessage<RouterFeedItem>?) {
        guard let message, isRouterConnected, position != nil else { return }
        actions.append(.router(message))
    }

    /// The channel's resource came, went or changed: all its subscribers are looked at.
    private mutating func remap(
        _ channel: ChannelKey, gone: [String], _ upserts: inout [RouterFeedItem], _ removals: inout [String]
    ) {
        let everyone = Set((subscribers[channel] ?? [:]).keys).union(gone)
        for tree in channelMap[channel]?.resource.trees ?? [] {
            removals.append(RouterFeedItem.sourceMappingKey(tree.group))
            removals += everyone.map { RouterFeedItem.authorizationKey(tree, subscriber: $0) }
        }
        let entry: ChannelMapEntry?
        if case .channelMap(let newest) = follower[ProxyFeedItem.channelMapKey(channel)] {
            entry = newest
        } else {
            entry = nil
        }
        channelMap[channel] = entry
        for tree in entry?.resource.trees ?? [] {
            if let source = tree.source { upserts.append(.sourceMapping(group: tree.group, source: source)) }
        }
        for subscriber in (subscribers[channel] ?? [:]).keys.sorted() {
            upserts += items(of: AuthorizationKey(channel: channel, subscriber: subscriber))
        }
    }

    /// The subscriber's authorizations, one a tree; none unless its generation is the channel's.
    private mutating func items(of key: AuthorizationKey) -> [RouterFeedItem] {
        guard let entry = subscribers[key.channel]?[key.subscriber], let resource = channelMap[key.channel]?.resource
        else {
            return []
        }
        guard entry.generation == resource.generation else {
            counters.outdatedGenerations += 1
            return []
        }
        return resource.trees.map { tree in
            .authorization(
                RouterAuthorization(
                    subscriber: entry.subscriber, binding: entry.binding, tree: tree, expires: entry.expires,
                    label: "\(entry.channel)"))
        }
    }

    mutating func connectRouter() {
        isRouterConnected = true
        routerApplied = nil
        if position != nil { actions.append(.router(router.snapshot)) }
    }

    mutating func take(_ position: FeedPosition) {
        guard position.epoch == router.position.epoch, position.revision <= router.position.revision else {
            counters.positionsUnknown += 1
            return
        }
        routerApplied = max(routerApplied ?? 0, position.revision)
        settle()
    }

    /// Reports the proxy's newest position that the router's table reflects.
    mutating func settle() {
        guard let routerApplied, let newest = ledger.take(through: routerApplied) else { return }
        applied = newest
        reportApplied()
    }

    mutating func reportApplied() {
        guard isProxyConnected, let applied else { return }
        actions.append(.report(ReplicationPointReport(position: applied)))
    }
}
