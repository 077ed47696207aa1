import Authorization
import Clockwork
import ControlProtocol
import Wire

extension OTTServerCore {
    /// The server's part of the way from entitlement to packet, in order: what each step found, and the first that fails.
    package func explain(subscriber: String, record: SubscriberRecord?, channel: ChannelKey) -> RoleExplanation {
        var steps = [entitlement(subscriber, record, channel)]
        guard steps[0].state == .ok else { return RoleExplanation(role: .ottServer, steps: steps) }
        let (proxy, step) = proxy(for: subscriber, record, channel)
        steps.append(step)
        guard let proxy, let state = proxies[proxy] else { return RoleExplanation(role: .ottServer, steps: steps) }
        steps.append(allocation(channel, at: proxy, state))
        steps.append(authorization(subscriber, channel, state))
        steps.append(applied(subscriber, channel, state))
        return RoleExplanation(role: .ottServer, steps: steps, trees: state.resource(of: channel)?.trees ?? [])
    }

    private func entitlement(_ id: String, _ record: SubscriberRecord?, _ channel: ChannelKey) -> ExplainStep {
        guard catalogue[channel] != nil else {
            return ExplainStep(
                "entitlement", .failed, "there is no channel \(channel)", reason: "unknown-channel",
                hint: "add it to ott-server.channels, or look at mrpctl show channels")
        }
        guard let record else {
            return ExplainStep(
                "entitlement", .failed, "there is no subscriber \(id)", reason: "unknown-subscriber",
                hint: "mrpctl subscriber add \(id)")
        }
        switch settings.policy.entitlementEnd(of: record, channel: channel, now: wallNow) {
        case .success(nil): return ExplainStep("entitlement", .ok, "\(id) is entitled to \(channel)")
        case .success(let end?):
            let seconds = (end - wallNow).seconds
            return ExplainStep("entitlement", .ok, "\(id) is entitled to \(channel) for another \(Int(seconds)) s")
        case .failure(let refusal):
            return ExplainStep(
                "entitlement", .failed, "\(id) is not entitled to \(channel)", reason: refusal.rawValue,
                hint: "mrpctl entitle \(id) \(channel)")
        }
    }

    /// The proxy that holds an authorization, or else the one that serves the subscriber's address.
    private func proxy(
        for id: String, _ record: SubscriberRecord?, _ channel: ChannelKey
    ) -> (String?, ExplainStep) {
        let holding = (authorizations[id] ?? []).filter { $0.channel == channel }.map(\.proxy).sorted()
        let known = proxies.values.sorted { $0.registration.name < $1.registration.name }
        let addresses = record?.binding.addresses ?? []
        let serving = addresses.compactMap { address in
            known.longestMatch(for: address) { $0.registration.prefixes }?.registration.name
        }
        guard let name = holding.first ?? serving.first else {
            guard addresses.isEmpty else {
                return (
                    nil,
                    ExplainStep(
                        "proxy", .failed,
                        "no live proxy serves \(addresses.map(\.description).joined(separator: ", "))",
                        reason: "no-proxy-for-address", hint: "look at the prefixes in mrpctl show sessions")
                )
            }
            return (
                nil,
                ExplainStep(
                    "proxy", .unknown, "\(id) has not asked to join \(channel), and no address of it is known",
                    reason: "not-asked", hint: "the client asks with mrp-client play \(channel)")
            )
        }
        guard proxies[name]?.isRegistered == true else {
            return (
                name,
                ExplainStep(
                    "proxy", .failed, "live proxy \(name) has been silent for longer than its keep-alive",
                    reason: "proxy-unavailable", hint: "check that it runs and reaches this server")
            )
        }
        return (name, ExplainStep("proxy", .ok, "live proxy \(name) serves it"))
    }

    private func allocation(_ channel: ChannelKey, at proxy: String, _ state: ProxyState) -> ExplainStep {
        guard let indication = state.allocation(of: channel) else {
            return ExplainStep(
                "allocation", .failed, "nobody has asked \(proxy) to allocate \(channel)", reason: "not-asked",
                hint: "the client asks with mrp-client play \(channel)")
        }
        guard let resource = state.resource(of: channel) else {
            return ExplainStep(
                "allocation", .failed, "\(proxy) has not answered allocation \(indication.serial) of \(channel)",
                reason: "not-allocated", hint: "look at mrpctl show channels and the log at \(proxy)")
        }
        let groups = resource.trees.map(\.description).joined(separator: ", ")
        return ExplainStep("allocation", .ok, "\(proxy) gave it \(groups), generation \(resource.generation)")
    }

    private func authorization(_ id: String, _ channel: ChannelKey, _ state: ProxyState) -> ExplainStep {
        guard let held = state.authorization(of: channel, subscriber: id) else {
            return ExplainStep(
                "channel-join", .failed, "\(id) holds no authorization for \(channel)", reason: "not-authorized",
                hint: "the client asks with mrp-client play \(channel)")
        }
        let addresses = held.binding.addresses.map(\.description).joined(separator: ", ")
        let seconds = Int((held.expires - wallNow).seconds)
        return ExplainStep("channel-join", .ok, "authorized from \(addresses) for another \(seconds) s")
    }

    private func applied(_ id: String, _ channel: ChannelKey, _ state: ProxyState) -> ExplainStep {
        guard let address = state.authorization(of: channel, subscriber: id)?.binding.addresses.first else {
            return ExplainStep("applied", .unknown, "there is no authorization to apply")
        }
        guard let point = state.replicationPoint(for: address) else {
            return ExplainStep(
                "applied", .failed, "no replication point serves \(address)", reason: "no-replication-point",
                hint: "check that the replication point runs, and its prefixes")
        }
        guard state.isApplied(channel, subscriber: id, address: address) else {
            return ExplainStep(
                "applied", .failed, "replication point \(point.name) has not applied it yet",
                reason: "not-applied", hint: "look at mrpctl show feeds there and at its proxy")
        }
        return ExplainStep("applied", .ok, "replication point \(point.name) admits it")
    }
}
