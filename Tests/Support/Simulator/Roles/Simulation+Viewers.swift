import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Wire

extension Simulation {
    // MARK: What a viewer does

    /// The viewer zaps to a channel.
    mutating func watch(_ viewer: Int, _ channel: ChannelKey) {
        stopWatching(viewer)
        trace { "viewer-\(viewer) wants to see \(channel)" }
        roles?.viewers[viewer].channel = channel
        roles?.viewers[viewer].rendition = Int.random(in: 0...1, using: &generator)
        roles?.viewers[viewer].watchesByUnicast = Int.random(in: 0..<3, using: &generator) == 0
        plan(.ask(viewer: viewer, wish: roles?.viewers[viewer].wish ?? 0), after: .zero)
    }

    mutating func stopWatching(_ viewer: Int) {
        roles?.viewers[viewer].wish += 1
        roles?.viewers[viewer].channel = nil
        roles?.viewers[viewer].request = nil
        closeStream(viewer)
        if let tree = roles?.viewers[viewer].tree {
            roles?.viewers[viewer].tree = nil
            leave(viewer, tree)
        }
    }

    /// The set-top box loses its power.
    mutating func cutOff(_ viewer: Int) {
        trace { "viewer-\(viewer) vanishes" }
        roles?.viewers[viewer].wish += 1
        roles?.viewers[viewer].channel = nil
        roles?.viewers[viewer].request = nil
        roles?.viewers[viewer].tree = nil
        closeStream(viewer)
        hosts[viewer].vanish(now: now)
    }

    // MARK: Between the viewer and the server

    /// Asks the server, the first time or to renew; again later while there is no answer.
    mutating func ask(_ viewer: Int, _ wish: Int) {
        guard let roles, roles.viewers[viewer].wish == wish, let channel = roles.viewers[viewer].channel else { return }
        let id = roles.nextRequest
        self.roles?.nextRequest += 1
        self.roles?.viewers[viewer].request = id
        let request = JoinRequest(
            id: id, token: TokenGrant(subscriber: "viewer-\(viewer)", expires: wall + .seconds(86_400)),
            record: nil, channel: channel, address: .v4(hosts[viewer].address))
        plan(.request(request, viewer: viewer))
        plan(.lost(viewer: viewer, request: id), after: .seconds(8))
    }

    mutating func take(_ request: JoinRequest, from viewer: Int) {
        var request = request
        request.record = roles?.records[viewer]
        requesters[request.id] = viewer
        give(.clientJoin(request))
    }

    mutating func answer(_ id: UInt64, _ result: Result<JoinAnswer, Problem>) {
        guard let viewer = requesters.removeValue(forKey: id) else { return }
        plan(.answer(result, viewer: viewer, request: id))
    }

    mutating func take(_ result: Result<JoinAnswer, Problem>, _ viewer: Int, _ request: UInt64) {
        guard let state = roles?.viewers[viewer], state.request == request else { return }
        roles?.viewers[viewer].request = nil
        switch result {
        case .success(let answer):
            happened("answered join")
            let left = max(answer.expires - wall, .seconds(2))
            plan(.ask(viewer: viewer, wish: state.wish), after: left / 2)
            let renditions = answer.resource.renditions
            guard state.rendition < renditions.count else {
                violate("roles", "the resource of \(answer.resource.channel) has no rendition \(state.rendition)")
                return
            }
            if state.watchesByUnicast {
                plan(.openStream(viewer: viewer, wish: state.wish))
            } else {
                tune(viewer, to: renditions[state.rendition].tree)
            }
        case .failure(let problem):
            happened("refused join: \(problem.code)")
            trace { "viewer-\(viewer) is refused: \(problem.code)" }
            plan(.ask(viewer: viewer, wish: state.wish), after: .seconds(2))
        }
    }

    private mutating func tune(_ viewer: Int, to tree: SourceGroup) {
        let old = roles?.viewers[viewer].tree
        guard old != tree else { return }
        if let old { leave(viewer, old) }
        roles?.viewers[viewer].tree = tree
        join(viewer, tree)
    }

    /// No answer came: the server died with the request, or the way there.
    mutating func lose(_ request: UInt64, of viewer: Int) {
        requesters[request] = nil
        guard let state = roles?.viewers[viewer], state.request == request else { return }
        roles?.viewers[viewer].request = nil
        plan(.ask(viewer: viewer, wish: state.wish), after: .zero)
    }

    // MARK: Entitlements

    mutating func entitle(_ viewer: Int, _ isEntitled: Bool) {
        trace { "viewer-\(viewer) is \(isEntitled ? "entitled" : "no longer entitled")" }
        let binding = SubscriberBinding(addresses: [.v4(hosts[viewer].address)])
        let record = SubscriberRecord(
            id: "viewer-\(viewer)", binding: binding,
            entitlements: isEntitled ? [Entitlement(scope: .provider("acme"))] : [])
        roles?.records[viewer] = record
        give(.subscriberChanged(id: "viewer-\(viewer)", record: record))
    }

    func isEntitled(_ viewer: Int) -> Bool { roles?.records[viewer]?.entitlements.isEmpty == false }
}
