import Clockwork
import ControlProtocol
import Wire

// Unicast viewers. A grant opens a session; the authorized list keeps it; the renditions it has open or asked for a moment
// ago are the trees the router is to deliver here.
extension ReplicationPointCore {
    package var openSessions: Int { viewers.count }

    package func resource(of channel: ChannelKey) -> MulticastResource? { channelMap[channel]?.resource }

    /// What arrives at this group and media port, by the channel map.
    package func rendition(group: IPAddress, port: UInt16) -> (channel: ChannelKey, rendition: String)? {
        for channel in channelMap.keys.sorted() {
            let found = channelMap[channel]?.resource.renditions.first { $0.group == group && $0.port == port }
            if let found { return (channel, found.rendition) }
        }
        return nil
    }

    // MARK: - Admission

    mutating func admit(_ ask: ViewerAsk) {
        do throws(ViewerRefusal) {
            let id = try judge(ask)
            use(id, for: ask.purpose)
            if let session = session(id) { actions.append(.admitted(session)) }
        } catch {
            refuse(ask, error)
        }
    }

    private mutating func refuse(_ ask: ViewerAsk, _ refusal: ViewerRefusal) {
        counters.viewersRefused[refusal, default: 0] += 1
        actions.append(.refused(refusal))
        guard case .grant(let grant, _) = ask.proof else { return }
        refusals.note(
            RefusalLog.Entry(
                subscriber: grant.subscriber, channel: ask.channel, address: ask.address, refusal: refusal))
        actions.append(
            .event(
                .viewerRefused(
                    subscriber: grant.subscriber, channel: ask.channel, address: ask.address, reason: refusal)))
    }

    /// The session that serves the request, opened now if need be.
    private mutating func judge(_ ask: ViewerAsk) throws(ViewerRefusal) -> UInt64 {
        guard let resource = channelMap[ask.channel]?.resource else { throw .unknownChannel }
        if let rendition = ask.purpose.rendition {
            guard resource.renditions.contains(where: { $0.rendition == rendition }) else { throw .unknownRendition }
        }
        let key = ViewerKey(
            subscriber: try subscriber(of: ask, resource), channel: ask.channel, address: ask.address)
        guard end(of: key) == nil else { throw .revoked }
        let id: UInt64
        if let standing = sessionIDs[key] { id = standing } else { id = try open(key, for: ask) }
        if ask.purpose.isStream, (viewers[id]?.openStreams ?? 0) >= settings.maximumStreamsPerSession {
            throw .tooManyStreams
        }
        return id
    }

    private func subscriber(of ask: ViewerAsk, _ resource: MulticastResource) throws(ViewerRefusal) -> String {
        switch ask.proof {
        case .refused(let refusal): throw ViewerRefusal(refusal)
        case .none:
            guard case .burst = ask.purpose else { throw .noGrant }
            let entries = (subscribers[ask.channel] ?? [:]).values.filter { $0.binding.addresses.contains(ask.address) }
            guard let name = entries.map(\.subscriber).min() else { throw .revoked }
            return name
        case .grant(let grant, _):
            guard grant.channel == ask.channel else { throw .wrongChannel }
            guard grant.address == ask.address else { throw .wrongAddress }
            guard grant.generation == resource.generation else { throw .oldGeneration }
            return grant.subscriber
        }
    }

    private mutating func open(_ key: ViewerKey, for ask: ViewerAsk) throws(ViewerRefusal) -> UInt64 {
        var text: String?
        if case .grant(let grant, let given) = ask.proof {
            guard grant.expires > wallNow else { throw .grantExpired }
            text = given
        }
        try makeRoom(for: key.subscriber)
        lastSession += 1
        let id = lastSession
        viewers[id] = ViewerState(id: id, key: key, grant: text, since: wallNow, lastUse: now)
        sessionIDs[key] = id
        sessionsOf[key.subscriber, default: []].insert(id)
        refusals.forget(key.subscriber, key.channel)
        counters.sessionsOpened += 1
        actions.append(
            .event(.sessionOpened(subscriber: key.subscriber, channel: key.channel, address: key.address)))
        return id
    }

    /// A viewer who zaps leaves sessions behind that are only idle: they give way to the next one.
    private mutating func makeRoom(for subscriber: String) throws(ViewerRefusal) {
        let mine = (sessionsOf[subscriber] ?? []).compactMap { viewers[$0] }
        if mine.count >= settings.maximumSessionsPerSubscriber {
            let idle = mine.filter { $0.openStreams == 0 }.min { ($0.lastUse, $0.id) < ($1.lastUse, $1.id) }
            guard let idle else { throw .tooManySessionsOfSubscriber }
            close(idle.id, .idle)
        }
        guard viewers.count < settings.maximumSessions else { throw .tooManySessions }
    }

    /// Everything that serves the session, as the channel map has it now.
    func session(_ id: UInt64) -> ViewerSession? {
        guard let state = viewers[id], let entry = channelMap[state.key.channel] else { return nil }
        return ViewerSession(
            id: id, subscriber: state.key.subscriber, channel: state.key.channel, address: state.key.address,
            resource: entry.resource, description: entry.description, grant: state.grant)
    }

    // MARK: - Use

    private mutating func use(_ id: UInt64, for purpose: ViewerRequest.Purpose) {
        guard case .playlist(let rendition) = purpose else { return change(id) { _, _, _ in } }
        let all = settings.holdsAllRenditions ? session(id)?.resource.renditions.map(\.rendition) : nil
        change(id) { state, now, settings in
            for wanted in all ?? [rendition] {
                state.held[wanted] = max(state.held[wanted] ?? now, now + settings.playlistHold)
            }
        }
    }

    mutating func beginStream(_ session: UInt64, _ rendition: String) {
        guard let state = viewers[session], state.openStreams < settings.maximumStreamsPerSession,
            channelMap[state.key.channel]?.resource.renditions.contains(where: { $0.rendition == rendition }) == true
        else {
            actions.append(.refused(viewers[session] == nil ? .revoked : .tooManyStreams))
            return
        }
        counters.streamsBegun += 1
        change(session) { state, _, _ in state.streams[rendition, default: 0] += 1 }
    }

    mutating func endStream(_ session: UInt64, _ rendition: String, bytes: UInt64) {
        counters.bytesSent &+= bytes
        guard let open = viewers[session]?.streams[rendition] else { return }
        change(session) { state, now, settings in
            state.bytes &+= bytes
            state.streams[rendition] = open > 1 ? open - 1 : nil
            if open == 1 { state.held[rendition] = max(state.held[rendition] ?? now, now + settings.linger) }
        }
    }

    mutating func noteSent(_ session: UInt64, bytes: UInt64) {
        counters.bytesSent &+= bytes
        viewers[session]?.bytes &+= bytes
    }

    /// Changes a session, then what the router is told of it and when it is to be looked at again.
    private mutating func change(
        _ id: UInt64, _ body: (inout ViewerState, Instant, ReplicationPointSettings) -> Void
    ) {
        guard let before = viewers[id] else { return }
        var state = before
        state.lastUse = now
        body(&state, now, settings)
        viewers[id] = state
        schedule(id)
        follow(before)
    }

    /// The next moment something of the session runs out.
    private mutating func schedule(_ id: UInt64) {
        guard let state = viewers[id] else { return timers.cancel(.session(id)) }
        let idle = state.openStreams == 0 ? state.lastUse + settings.sessionIdleTimeout : nil
        let ends = [idle] + state.held.values.map { Optional($0) }
        if let next = ends.compactMap({ $0 }).min() {
            timers.set(.session(id), at: next)
        } else {
            timers.cancel(.session(id))
        }
    }

    mutating func lookAt(_ id: UInt64) {
        guard let before = viewers[id] else { return }
        if before.openStreams == 0, before.lastUse + settings.sessionIdleTimeout <= now { return close(id, .idle) }
        viewers[id]?.held = before.held.filter { $0.value > now }
        schedule(id)
        follow(before)
    }

    // MARK: - Members

    /// The trees the session wants now.
    private func members(of state: ViewerState?) -> [String: RouterFeedItem] {
        guard let state, let resource = channelMap[state.key.channel]?.resource else { return [:] }
        let wanted = Set(state.renditions)
        var items: [String: RouterFeedItem] = [:]
        for rendition in resource.renditions where wanted.contains(rendition.rendition) {
            let item = RouterFeedItem.unicastMember(
                UnicastMember(
                    tree: rendition.tree, subscriber: state.key.subscriber, address: state.key.address,
                    since: state.since))
            items[item.key] = item
        }
        return items
    }

    /// Tells the router what became of the members that the session had `before`.
    private mutating func follow(_ before: ViewerState) {
        let old = members(of: before)
        let new = members(of: viewers[before.id])
        guard old != new else { return }
        send(
            router.update(
                upserts: new.keys.sorted().compactMap { new[$0] },
                removals: old.keys.filter { new[$0] == nil }.sorted()))
    }

    // MARK: - Ends

    /// Why a session of `key` cannot stand; nil when it can.
    private func end(of key: ViewerKey) -> SessionEnd? {
        guard let entry = subscribers[key.channel]?[key.subscriber],
            entry.generation == channelMap[key.channel]?.resource.generation,
            entry.binding.addresses.contains(key.address)
        else { return .revoked }
        return entry.expires > wallNow ? nil : .expired
    }

    /// Closes the sessions that the changed authorizations and map entries no longer carry.
    /// - Parameter replaced: the map as it was, for the members the router still has.
    mutating func reviewSessions(
        _ touched: Set<AuthorizationKey>, expired: Bool, replaced: [ChannelKey: MulticastResource]
    ) {
        guard !viewers.isEmpty else { return }
        for id in viewers.keys.sorted() {
            guard let state = viewers[id] else { continue }
            let key = state.key
            if let old = replaced[key.channel], old.generation != channelMap[key.channel]?.resource.generation {
                close(id, .generationChanged, resource: old)
            } else if touched.contains(AuthorizationKey(channel: key.channel, subscriber: key.subscriber)),
                end(of: key) != nil
            {
                close(id, expired ? .expired : .revoked)
            }
        }
    }

    private mutating func close(_ id: UInt64, _ end: SessionEnd, resource: MulticastResource? = nil) {
        guard let state = viewers.removeValue(forKey: id) else { return }
        timers.cancel(.session(id))
        sessionIDs[state.key] = nil
        sessionsOf[state.key.subscriber]?.remove(id)
        if sessionsOf[state.key.subscriber]?.isEmpty == true { sessionsOf[state.key.subscriber] = nil }
        counters.sessionsClosed[end, default: 0] += 1
        let trees = (resource ?? channelMap[state.key.channel]?.resource)?.trees ?? []
        send(
            router.update(
                removals: trees.map {
                    RouterFeedItem.unicastMemberKey(
                        $0, subscriber: state.key.subscriber, address: state.key.address)
                }))
        actions.append(.closeSession(id: id, reason: end))
        actions.append(
            .event(
                .sessionClosed(
                    subscriber: state.key.subscriber, channel: state.key.channel, address: state.key.address,
                    reason: end)))
    }
}

extension ViewerRequest.Purpose {
    /// Whether begin and end are reported.
    var isStream: Bool {
        switch self {
        case .stream, .burst: true
        case .masterPlaylist, .playlist: false
        }
    }
}
