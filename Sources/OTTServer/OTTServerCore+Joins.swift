import Authorization
import Clockwork
import ControlProtocol
import Wire

extension OTTServerCore {
    mutating func join(_ request: JoinRequest) {
        counters.joins += 1
        do throws(Problem) {
            let waiting = try authorize(request)
            joins[request.id] = waiting
            timers.set(.join(request.id), at: now + settings.joinDeadline)
            settle(request.id)
        } catch {
            refuse(request.id, subscriber: request.token.subscriber, channel: request.channel, error)
        }
    }

    /// Decides, chooses the proxy and publishes what the join needs.
    private mutating func authorize(_ request: JoinRequest) throws(Problem) -> WaitingJoin {
        guard joins.count < settings.maximumWaitingJoins else {
            throw .tooMany("waiting", limit: settings.maximumWaitingJoins)
        }
        guard catalogue[request.channel] != nil else { throw .unknownChannel(request.channel) }
        let decision = settings.policy.decide(
            token: request.token, record: request.record, channel: request.channel, address: request.address,
            now: wallNow)
        let grant: AuthorizationGrant
        switch decision {
        case .success(let granted): grant = granted
        case .failure(let refusal):
            counters.refusals[refusal.rawValue, default: 0] += 1
            throw .notEntitled(request.channel, because: refusal)
        }
        let proxy = try chooseProxy(for: request.address)
        if let asker = request.proxy, asker != proxy { throw .wrongProxy(asker, for: request.address) }
        let waiting = WaitingJoin(
            id: request.id, proxy: proxy, channel: request.channel, subscriber: request.token.subscriber,
            address: request.address, grant: grant)
        guard hasRoom(for: waiting) else {
            throw .tooMany("authorizations", limit: settings.maximumItemsPerProxy)
        }
        publishAuthorizations([waiting], at: proxy)
        return waiting
    }

    private func hasRoom(for join: WaitingJoin) -> Bool {
        guard let state = proxies[join.proxy] else { return false }
        let allocation = state.allocation(of: join.channel) == nil ? 1 : 0
        let authorization = state.authorization(of: join.channel, subscriber: join.subscriber) == nil ? 1 : 0
        return state.feed.count + allocation + authorization <= settings.maximumItemsPerProxy
    }

    private func chooseProxy(for address: IPAddress) throws(Problem) -> String {
        let known = proxies.values.sorted { $0.registration.name < $1.registration.name }
        let serving = known.filter(\.isRegistered).longestMatch(for: address) { $0.registration.prefixes }
        if let serving { return serving.registration.name }
        if let silent = known.longestMatch(for: address, prefixes: { $0.registration.prefixes }) {
            throw .proxyUnavailable(silent.registration.name)
        }
        throw .noProxy(for: address)
    }

    /// Publishes the channel-join indications of `waiting` at one proxy, and before them the allocation indications of
    /// those channels that have none there.
    mutating func publishAuthorizations(_ waiting: [WaitingJoin], at proxy: String, removals: [String] = []) {
        var serials: [ChannelKey: UInt64] = [:]
        var upserts: [ServerFeedItem] = []
        for join in waiting {
            let kept = proxies[proxy]?.allocation(of: join.channel)
            let isDropped = removals.contains(ServerFeedItem.allocationKey(join.channel))
            if let kept, !isDropped { serials[join.channel] = kept.serial }
            if serials[join.channel] == nil {
                guard let indication = ask(for: join.channel, at: proxy, kept?.preallocation) else {
                    return
                }
                serials[join.channel] = indication.serial
                upserts.append(.allocation(indication))
            }
            guard let serial = serials[join.channel] else { continue }
            if let item = indication(of: join, serial: serial) { upserts.append(.channelJoin(item)) }
        }
        publish(to: proxy, upserts: upserts, removals: removals)
    }

    /// An indication with the next serial, not yet published.
    mutating func ask(
        for channel: ChannelKey, at proxy: String, _ preallocation: Preallocation?
    ) -> AllocationIndication? {
        guard let serial = proxies[proxy]?.takeSerial() else { return nil }
        counters.allocationsAsked += 1
        actions.append(.event(.allocationAsked(proxy: proxy, channel: channel, serial: serial)))
        return AllocationIndication(
            channel: channel, serial: serial, description: catalogue[channel], preallocation: preallocation)
    }

    /// Nil when what is published is as good: a viewer who zaps back and forth changes nothing.
    private mutating func indication(of join: WaitingJoin, serial: UInt64) -> ChannelJoinIndication? {
        let spare = settings.policy.lifetime / 8
        if let held = proxies[join.proxy]?.authorization(of: join.channel, subscriber: join.subscriber),
            held.serial == serial, held.binding == join.grant.binding, held.expires + spare >= join.grant.expires
        {
            return nil
        }
        actions.append(
            .event(.authorized(subscriber: join.subscriber, channel: join.channel, proxy: join.proxy)))
        return ChannelJoinIndication(
            subscriber: join.subscriber, binding: join.grant.binding, channel: join.channel, serial: serial,
            expires: join.grant.expires)
    }

    /// Answers a waiting join if all it waits for is there.
    mutating func settle(_ id: UInt64) {
        guard let join = joins[id], let state = proxies[join.proxy], let description = catalogue[join.channel],
            let resource = state.resource(of: join.channel),
            let held = state.authorization(of: join.channel, subscriber: join.subscriber),
            state.isApplied(join.channel, subscriber: join.subscriber, address: join.address)
        else { return }
        forgetJoin(id)
        counters.joinsAnswered += 1
        let answer = JoinAnswer(
            mediaDescription: description, resource: resource, expires: held.expires,
            unicast: redirect(to: state.registration, join.channel))
        actions.append(.answerJoin(id: id, result: .success(answer)))
    }

    /// Where the proxy answers unicast viewers of the channel.
    private func redirect(to proxy: ProxyRegistration, _ channel: ChannelKey) -> UnicastRedirect? {
        proxy.httpBase.map { base in
            let base = base.hasSuffix("/") ? String(base.dropLast()) : base
            return UnicastRedirect(playlist: base + MediaPath.masterPlaylist(channel))
        }
    }

    /// The channels the bearer of `token` may see from `address`, with the groups they have there now.
    package func channelList(
        token: TokenGrant, record: SubscriberRecord?, address: IPAddress, wallNow: UnixTime
    ) -> ChannelList {
        let proxy = try? chooseProxy(for: address)
        let entries = catalogue.keys.sorted().compactMap { channel -> ChannelList.Entry? in
            let decision = settings.policy.decide(
                token: token, record: record, channel: channel, address: address, now: wallNow)
            guard case .success = decision, let description = catalogue[channel] else { return nil }
            return ChannelList.Entry(
                description: description, resource: proxy.flatMap { proxies[$0]?.resource(of: channel) })
        }
        return ChannelList(entries)
    }

    mutating func forgetJoin(_ id: UInt64) {
        joins[id] = nil
        timers.cancel(.join(id))
    }

    /// Says which of the things the join waited for did not come.
    mutating func timeOut(_ id: UInt64) {
        guard let join = joins[id], let state = proxies[join.proxy] else { return }
        let problem: Problem
        if !state.isRegistered {
            problem = .proxyUnavailable(join.proxy)
        } else if state.resource(of: join.channel) == nil {
            problem = .allocationTimeout(join.channel, proxy: join.proxy)
        } else if let point = state.replicationPoint(for: join.address) {
            problem = .authorizationTimeout(point.name)
        } else {
            problem = .noReplicationPoint(for: join.address, proxy: join.proxy)
        }
        refuse(id, subscriber: join.subscriber, channel: join.channel, problem)
    }

    mutating func refuse(_ id: UInt64, subscriber: String, channel: ChannelKey, _ problem: Problem) {
        forgetJoin(id)
        counters.joinsRefused[problem.code, default: 0] += 1
        actions.append(.event(.joinRefused(subscriber: subscriber, channel: channel, code: problem.code)))
        actions.append(.answerJoin(id: id, result: .failure(problem)))
    }

    /// Refuses every waiting join that `isAffected`, in the order they came.
    mutating func refuseJoins(_ problem: (WaitingJoin) -> Problem, where isAffected: (WaitingJoin) -> Bool) {
        for join in waiting(where: isAffected) {
            refuse(join.id, subscriber: join.subscriber, channel: join.channel, problem(join))
        }
    }

    func waiting(where isWanted: (WaitingJoin) -> Bool) -> [WaitingJoin] {
        joins.values.filter(isWanted).sorted { $0.id < $1.id }
    }
}
