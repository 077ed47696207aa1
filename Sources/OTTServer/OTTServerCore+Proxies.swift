import Clockwork
import ControlProtocol
import Wire

extension OTTServerCore {
    mutating func restore(_ stored: StoredProxy) {
        let name = stored.registration.name
        proxies[name] = ProxyState(stored: stored)
        for item in stored.items { index(item, proxy: name) }
        keepAlive(name)
    }

    mutating func register(_ registration: ProxyRegistration) {
        if let fault = registration.fault {
            counters.registrationsRefused += 1
            actions.append(.refuse(.badRegistration(fault)))
            return
        }
        let name = registration.name
        guard proxies[name] != nil || proxies.count < settings.maximumProxies else {
            counters.registrationsRefused += 1
            actions.append(.refuse(.tooMany("proxies", limit: settings.maximumProxies)))
            return
        }
        let isChanged = proxies[name]?.registration != registration
        let wasSilent = proxies[name]?.isRegistered != true
        if proxies[name] == nil {
            proxies[name] = ProxyState(registration: registration, epoch: newEpoch())
        }
        proxies[name]?.registration = registration
        keepAlive(name)
        if isChanged, let state = proxies[name] {
            let change = StoreChange.registration(
                registration, position: state.feed.position, nextSerial: state.nextSerial)
            actions.append(.store(change))
        }
        guard isChanged || wasSilent else { return }
        actions.append(.event(.proxyRegistered(name)))
        for (channel, preallocation) in settings.preallocatedChannels.sorted(by: { $0.key < $1.key })
        where catalogue[channel] != nil {
            preallocate(channel, at: name, preallocation)
        }
    }

    mutating func keepAlive(_ name: String) {
        proxies[name]?.isRegistered = true
        timers.set(.keepAlive(proxy: name), at: now + settings.proxyKeepAlive)
        timers.cancel(.retention(proxy: name))
    }

    mutating func closeFeed(of name: String) {
        guard let open = proxies[name]?.openFeeds, open > 0 else { return }
        proxies[name]?.openFeeds = open - 1
    }

    /// Its items stand: it may come back, and viewers go on watching meanwhile.
    mutating func expire(_ name: String) {
        proxies[name]?.isRegistered = false
        counters.proxiesExpired += 1
        timers.set(.retention(proxy: name), at: now + settings.proxyRetention)
        actions.append(.event(.proxyExpired(name)))
    }

    mutating func forget(_ name: String) {
        guard let state = proxies[name] else { return }
        publish(to: name, upserts: [], removals: state.feed.current.map(\.key))
        proxies[name] = nil
        actions.append(.store(.forget(proxy: name)))
        actions.append(.event(.proxyForgotten(name)))
    }

    mutating func take(_ report: ProxyReport, of name: String) {
        guard proxies[name] != nil else {
            actions.append(.refuse(.unknownProxy(name)))
            return
        }
        if let fault = report.fault {
            counters.reportsRefused += 1
            actions.append(.refuse(.badReport(fault)))
            return
        }
        keepAlive(name)
        proxies[name]?.accept(report)
        guard report.position.epoch == proxies[name]?.feed.position.epoch else {
            counters.reportsOutdated += 1
            return
        }
        for allocation in report.allocations.sorted(by: { $0.channel < $1.channel }) {
            follow(allocation, at: name)
        }
        for join in waiting(where: { $0.proxy == name }) { settle(join.id) }
    }

    /// Drops an allocation that came to nothing; joins that wait for a released one have it allocated anew.
    private mutating func follow(_ allocation: ProxyReport.Allocation, at name: String) {
        guard let state = proxies[name], let indication = state.allocation(of: allocation.channel),
            indication.serial == allocation.serial
        else { return }
        let channel = allocation.channel
        let removals =
            [ServerFeedItem.allocationKey(channel)]
            + state.subscribers(of: channel).map { ServerFeedItem.channelJoinKey(channel, subscriber: $0) }
        switch allocation.outcome {
        case .allocated: return
        case .refused(let reason):
            publish(to: name, upserts: [], removals: removals)
            actions.append(.event(.allocationRefused(proxy: name, channel: channel, reason: reason)))
            refuseJoins({ .allocationRefused($0.channel, reason: reason) }) {
                $0.proxy == name && $0.channel == channel
            }
        case .released:
            counters.allocationsReleased += 1
            actions.append(.event(.allocationReleased(proxy: name, channel: channel)))
            let again = waiting { $0.proxy == name && $0.channel == channel }
            publishAuthorizations(again, at: name, removals: removals)
            if again.isEmpty, let kept = indication.preallocation { preallocate(channel, at: name, kept) }
        }
    }

    /// - Parameter preallocation: nil takes it back; viewers who watch go on.
    mutating func preallocate(_ channel: ChannelKey, at proxy: String?, _ preallocation: Preallocation?) {
        guard catalogue[channel] != nil else {
            actions.append(.refuse(.unknownChannel(channel)))
            return
        }
        if let proxy, proxies[proxy] == nil {
            actions.append(.refuse(.unknownProxy(proxy)))
            return
        }
        for name in proxies.keys.sorted() where proxy == nil || proxy == name {
            var indication = proxies[name]?.allocation(of: channel)
            if indication == nil, let preallocation { indication = ask(for: channel, at: name, preallocation) }
            guard var indication else { continue }
            indication.preallocation = preallocation
            publish(to: name, upserts: [.allocation(indication)])
        }
    }

    mutating func renewEpoch(of name: String) {
        counters.storeFailures += 1
        let epoch = newEpoch()
        guard let message = proxies[name]?.renewEpoch(epoch) else { return }
        actions.append(.publish(proxy: name, message: message))
    }

    private mutating func newEpoch() -> String {
        String(chance.next(), radix: 16)
    }
}
