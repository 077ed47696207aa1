import Authorization
import ControlProtocol
import Wire

/// What `mrpctl show` prints of an OTT server.
extension OTTServerCore {
    package var channelsDocument: ChannelsDocument {
        let names = proxies.keys.sorted()
        let rows = catalogue.keys.sorted().flatMap { channel -> [ChannelRow] in
            let allocated = names.compactMap { row(of: channel, at: $0) }
            return allocated.isEmpty ? [row(of: channel, state: "catalogued")] : allocated
        }
        return ChannelsDocument(role: .ottServer, channels: rows)
    }

    private func row(of channel: ChannelKey, at proxy: String) -> ChannelRow? {
        guard let state = proxies[proxy], state.allocation(of: channel) != nil else { return nil }
        var row = row(of: channel, state: state.resource(of: channel) == nil ? "allocating" : "allocated")
        row.proxy = proxy
        row.resource = state.resource(of: channel)
        row.authorizedSubscribers = state.subscribers(of: channel).count
        return row
    }

    private func row(of channel: ChannelKey, state: String) -> ChannelRow {
        let description = catalogue[channel]
        return ChannelRow(
            channel: channel, title: description?.title, renditions: description?.renditions.count ?? 0, state: state)
    }

    /// - Parameter records: all subscribers, by name.
    package func subscribersDocument(_ records: [SubscriberRecord]) -> SubscribersDocument {
        SubscribersDocument(role: .ottServer, subscribers: records.map(row))
    }

    private func row(of record: SubscriberRecord) -> SubscriberRow {
        let authorized = (authorizations[record.id] ?? []).sorted()
        var channels = authorized.compactMap { key -> SubscriberRow.Channel? in
            guard let held = proxies[key.proxy]?.authorization(of: key.channel, subscriber: record.id) else {
                return nil
            }
            return SubscriberRow.Channel(channel: key.channel, state: "authorized", expires: held.expires)
        }
        let watching = Set(authorized.map(\.channel))
        for channel in catalogue.keys.sorted() where !watching.contains(channel) {
            let matching = record.entitlements.filter { $0.scope.contains(channel) }
            guard !matching.isEmpty else { continue }
            let end = matching.contains { $0.until == nil } ? nil : matching.compactMap(\.until).max()
            let state = end.map { $0 <= wallNow } == true ? "ended" : "entitled"
            channels.append(SubscriberRow.Channel(channel: channel, state: state, expires: end))
        }
        return SubscriberRow(
            subscriber: record.id, binding: record.binding, channels: channels.sorted { $0.channel < $1.channel })
    }

    package var sessionsDocument: SessionsDocument {
        var rows = proxies.keys.sorted().compactMap { name -> SessionRow? in
            guard let proxy = proxies[name] else { return nil }
            let points = proxy.report?.replicationPoints.map(\.name).joined(separator: ", ") ?? ""
            return SessionRow(
                kind: "registration", name: name, peer: proxy.registration.address.description,
                state: proxy.isRegistered ? "registered" : "expired",
                detail: "prefixes \(proxy.registration.prefixes.map(\.description).joined(separator: ", "))"
                    + (points.isEmpty ? "" : "; replication points \(points)"))
        }
        rows += waiting { _ in true }.map { join in
            SessionRow(
                kind: "join", name: join.subscriber, peer: join.address.description, state: "waiting",
                detail: "\(join.channel) at \(join.proxy)")
        }
        return SessionsDocument(role: .ottServer, sessions: rows.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) })
    }

    package var feedsDocument: FeedsDocument {
        let rows = proxies.keys.sorted().compactMap { name -> FeedRow? in
            proxies[name].map { proxy in
                FeedRow(
                    direction: "publishes", peer: name, items: proxy.feed.count, position: proxy.feed.position,
                    applied: proxy.report?.position, state: proxy.openFeeds > 0 ? "open" : "closed")
            }
        }
        return FeedsDocument(role: .ottServer, feeds: rows)
    }

    package var countersDocument: RoleCountersDocument {
        RoleCountersDocument(role: .ottServer, counters: counters.named)
    }
}

extension OTTServerCounters {
    /// By name, as `show counters` lists them.
    package var named: [NamedCount] {
        var rows = [
            NamedCount(name: "join", count: joins),
            NamedCount(name: "join-answered", count: joinsAnswered),
            NamedCount(name: "allocation-asked", count: allocationsAsked),
            NamedCount(name: "allocation-released", count: allocationsReleased),
            NamedCount(name: "authorization-revoked", count: authorizationsRevoked),
            NamedCount(name: "authorization-expired", count: authorizationsExpired),
            NamedCount(name: "registration-refused", count: registrationsRefused),
            NamedCount(name: "report-refused", count: reportsRefused),
            NamedCount(name: "report-outdated", count: reportsOutdated),
            NamedCount(name: "proxy-expired", count: proxiesExpired),
            NamedCount(name: "store-failed", count: storeFailures),
        ]
        rows += joinsRefused.map { NamedCount(name: "join-refused-\($0.key)", count: $0.value) }
        rows += refusals.map { NamedCount(name: "not-entitled-\($0.key)", count: $0.value) }
        return rows.sorted { $0.name < $1.name }
    }
}
