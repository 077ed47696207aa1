import Channels
import Clockwork
import ControlProtocol

extension LiveProxyCore {
    /// Where `server`'s feed is to be continued; nil asks for a snapshot.
    package func position(of server: String) -> FeedPosition? { servers[server]?.follower.position }

    mutating func follow(_ message: FeedMessage<ServerFeedItem>, of server: String) {
        guard servers[server] != nil else {
            counters.unknownInputs += 1
            return
        }
        var difference = FeedDifference<ServerFeedItem>()
        let epoch = position(of: server)?.epoch
        do throws(FeedError) {
            difference = try servers[server]?.follower.apply(message) ?? difference
        } catch {
            lose(server, error)
            return
        }
        if epoch != message.position.epoch { for name in points.keys { points[name]?.forgetProgress(of: server) } }
        for item in difference.removals { remove(item, of: server) }
        for item in difference.upserts { take(item, of: server, revision: message.position.revision) }
        switch message {
        case .snapshot: confirm(server)
        case .change: break
        case .keepAlive: return
        }
        changes.report(to: server)
        if isHeld, servers.values.allSatisfy(\.hasSnapshot) { openFeeds(afterHold: false) }
    }

    private mutating func lose(_ server: String, _ error: FeedError) {
        counters.feedsLost += 1
        servers[server]?.follower.losePlace()
        changes.others.append(.resynchronize(server: server))
        changes.event(.feedLost(server: server, reason: "\(error)"))
    }

    /// Withdraws what a restart kept and the server no longer wants.
    private mutating func confirm(_ server: String) {
        for channel in channels.keys.sorted() where channels[channel]?.server == server {
            if servers[server]?.follower[ServerFeedItem.allocationKey(channel)] == nil { withdraw(channel) }
        }
    }

    private mutating func remove(_ item: ServerFeedItem, of server: String) {
        switch item {
        case .allocation(let indication):
            conflicts[ServedChannel(server: server, channel: indication.channel)] = nil
            if channels[indication.channel]?.server == server { withdraw(indication.channel) }
        case .channelJoin(let join):
            let served = ServedChannel(server: server, channel: join.channel)
            guard joins[served]?.removeValue(forKey: join.subscriber) != nil else { return }
            joinCount -= 1
            if joins[served]?.isEmpty == true { joins[served] = nil }
            changes.joins[served, default: []].insert(join.subscriber)
        }
    }

    private mutating func take(_ item: ServerFeedItem, of server: String, revision: UInt64) {
        switch item {
        case .allocation(let indication): allocate(indication, of: server)
        case .channelJoin(let join): authorize(join, of: server, revision: revision)
        }
    }

    private mutating func authorize(_ join: ChannelJoinIndication, of server: String, revision: UInt64) {
        let served = ServedChannel(server: server, channel: join.channel)
        if joins[served]?[join.subscriber] == nil {
            guard joinCount < settings.maximumAuthorizedSubscribers else {
                counters.joinsOverLimit += 1
                return
            }
            joinCount += 1
        }
        joins[served, default: [:]][join.subscriber] = join
        changes.joins[served, default: []].insert(join.subscriber)
        guard let state = channels[join.channel], state.server == server, state.serial == join.serial else {
            counters.joinsOutdated += 1
            return
        }
        if state.phase == .describing, waiting[join.channel] == nil { waiting[join.channel] = revision }
        expectViewer(of: join.channel)
    }

    /// The whole standing towards `server`; nil before its first snapshot, when there is nothing it could refer to.
    package func report(to server: String) -> ProxyReport? {
        guard let position = position(of: server) else { return nil }
        let allocations = channels.keys.sorted().compactMap { channel in
            channels[channel].flatMap { $0.server == server ? allocation(of: channel, $0) : nil }
        }
        let conflicting = conflicts.keys.filter { $0.server == server }.sorted().compactMap { served in
            conflicts[served].map { serial in
                ProxyReport.Allocation(
                    channel: served.channel, serial: serial,
                    outcome: .refused(reason: AllocationRefusal.ownedByAnotherServer.rawValue))
            }
        }
        let standings = points.keys.sorted().compactMap { points[$0] }.map { point in
            ReplicationPointStatus(
                name: point.registration.name, prefixes: point.registration.prefixes,
                httpBase: point.registration.httpBase, applied: point.reached[server] ?? 0)
        }
        return ProxyReport(
            position: position, allocations: (allocations + conflicting).sorted { $0.channel < $1.channel },
            replicationPoints: standings)
    }

    private func allocation(of channel: ChannelKey, _ state: ChannelState) -> ProxyReport.Allocation? {
        func became(_ outcome: AllocationOutcome) -> ProxyReport.Allocation {
            ProxyReport.Allocation(channel: channel, serial: state.serial, outcome: outcome)
        }
        switch state.phase {
        case .describing: return nil
        case .refused(let refusal): return became(.refused(reason: refusal.rawValue))
        case .released: return became(.released)
        case .awaiting, .flowing, .lingering, .cold, .warm:
            return allocator[channel].map { became(.allocated(resource: $0)) }
        }
    }
}
