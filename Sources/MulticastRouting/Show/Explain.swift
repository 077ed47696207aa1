import Clockwork
import ControlProtocol
import GroupMembership
import PIM
import Wire

extension RouterEngine {
    /// Walks from the subscriber's authorization to packets of `tree`, the router's part of `mrpctl explain`.
    package func explain(subscriber: String, tree: SourceGroup, at time: RouterTime) -> ExplainDocument {
        var steps = [explainAuthorization(subscriber, tree, at: time)]
        steps += explainMembership(subscriber, tree, at: time)
        let tree = knownTree(tree)
        steps.append(explainRoute(tree))
        steps.append(explainUpstream(tree))
        steps.append(explainEntry(subscriber, tree, at: time))
        steps.append(explainPackets(tree))
        return ExplainDocument(subscriber: subscriber, tree: tree, steps: steps)
    }

    /// A tree asked for without a source is the one of its group's only source.
    private func knownTree(_ tree: SourceGroup) -> SourceGroup {
        guard tree.source == nil, let source = admission.sources[tree.group].first else { return tree }
        return SourceGroup(source: source, group: tree.group)
    }

    // MARK: Authorization

    private func held(_ subscriber: String, _ tree: SourceGroup) -> [HeldAuthorization] {
        Set([tree, knownTree(tree), SourceGroup(source: nil, group: tree.group)]).sorted()
            .flatMap { admission.authorizations.authorizations(of: $0) }
            .filter { $0.authorization.subscriber == subscriber }
    }

    private func explainAuthorization(
        _ subscriber: String, _ tree: SourceGroup, at time: RouterTime
    ) -> ExplainStep {
        let all = held(subscriber, tree)
        if let valid = all.first(where: { !$0.isExpired(at: time.wall) }) {
            let left = Int((valid.authorization.expires - time.wall).seconds)
            return ExplainStep(
                "authorization", .ok, "\(valid.owner) authorizes \(subscriber) for \(tree), \(left) s left")
        }
        if let expired = all.first {
            let ago = Int((time.wall - expired.authorization.expires).seconds)
            return ExplainStep(
                "authorization", .failed, "the authorization of \(subscriber) for \(tree) ended \(ago) s ago",
                reason: RefusalReason.authorizationExpired.rawValue,
                hint: "the client must ask the OTT server to join again")
        }
        return ExplainStep(
            "authorization", .failed, "no owner authorizes \(subscriber) for \(tree)",
            reason: RefusalReason.noAuthorization.rawValue,
            hint: "see 'mrpctl show subscribers' for what is authorized, and whether the owner is connected")
    }

    // MARK: Report and admission

    private struct Sighting {
        var member: HostMembership
        var interface: RoutedInterface
        var verdict: AdmissionVerdict
        var isOfSubscriber: Bool
    }

    private func explainMembership(
        _ subscriber: String, _ tree: SourceGroup, at time: RouterTime
    ) -> [ExplainStep] {
        let tree = knownTree(tree)
        let sightings = sightings(of: subscriber, tree, at: time)
        let own = sightings.filter(\.isOfSubscriber)
        let admitted = own.first(where: \.verdict.isAdmitted)
        if admitted == nil, let steps = explainUnicast(subscriber, tree, at: time) { return steps }
        guard let best = admitted ?? own.first else {
            let others = sightings.count
            return [
                ExplainStep(
                    "report", .failed,
                    others == 0
                        ? "no host has reported \(tree)"
                        : "\(others) hosts have reported \(tree), none by an address of \(subscriber)",
                    reason: others == 0 ? "no-report" : RefusalReason.unknownSubscriberAddress.rawValue,
                    hint: "check on the client that the group is joined, and that its address is in the binding"),
                ExplainStep("admission", .unknown, "there is no report to judge"),
            ]
        }
        let place = interfaces.name(of: best.member.port.interface)
        let ago = Int((time.now - best.member.lastReport).seconds)
        let report = ExplainStep(
            "report", .ok, "\(best.member.host) on \(place) reported by \(best.member.version.name) \(ago) s ago")
        if best.verdict.isAdmitted {
            return [report, ExplainStep("admission", .ok, "admitted: \(best.verdict.reason)")]
        }
        return [
            report,
            ExplainStep(
                "admission", .failed, "refused: \(best.verdict.reason)", reason: best.verdict.reason,
                hint: "compare the binding in 'mrpctl show subscribers' with host and port above"),
        ]
    }

    private func sightings(of subscriber: String, _ tree: SourceGroup, at time: RouterTime) -> [Sighting] {
        let bindings = held(subscriber, tree).map(\.authorization.binding)
        return interfaces.routedIndices.flatMap { index -> [Sighting] in
            guard let interface = interfaces.routed[index], let membership = interface.membership else { return [] }
            return membership.memberships(of: tree.group).filter { requestedTrees(of: $0).contains(tree) }
                .map { member in
                    let place = place(of: member.port, on: interface)
                    let mac = admission.neighbors.mac(index, member.host)
                    let isOwn = bindings.contains {
                        $0.addresses.contains(member.host) || ($0.mac != nil && $0.mac == mac)
                    }
                    return Sighting(
                        member: member, interface: interface,
                        verdict: admission.verdict(host: member.host, place: place, tree: tree, at: time.wall),
                        isOfSubscriber: isOwn)
                }
        }
    }

    // MARK: Upstream

    private func explainRoute(_ tree: SourceGroup) -> ExplainStep {
        guard let source = tree.source else {
            return ExplainStep("route", .unknown, "no source of \(tree.group) is known", reason: "no-source")
        }
        guard let origin = origin(of: tree), !origin.isAdopted else {
            return routes[source] == .unreachable
                ? ExplainStep(
                    "route", .failed, "there is no unicast route to \(source)", reason: "no-route",
                    hint: "packets are only taken from where 'ip route get \(source)' points")
                : ExplainStep("route", .unknown, "the route to \(source) has not been asked for")
        }
        let name = interfaces.name(of: origin.interface)
        guard interfaces.routed[origin.interface] != nil else {
            return ExplainStep(
                "route", .failed, "\(source) is behind \(name), which is not configured",
                reason: UpstreamStanding.notConfigured.rawValue, hint: "add \(name) to the router's interfaces")
        }
        if let problem = interfaces.routed[origin.interface]?.problem {
            return ExplainStep("route", .failed, "\(name) cannot forward: \(problem)", reason: problem)
        }
        if origin.isLocal { return ExplainStep("route", .ok, "\(source) is an address of this host, on \(name)") }
        return ExplainStep(
            "route", .ok, "\(source) is behind \(name)" + (origin.neighbor.map { " via \($0)" } ?? ", on the link"))
    }

    private func explainUpstream(_ tree: SourceGroup) -> ExplainStep {
        let standing = upstream(of: tree)
        switch standing {
        case .local: return ExplainStep("upstream", .ok, "this host sends the stream itself")
        case .connected: return ExplainStep("upstream", .ok, "the source is on the link: nobody need be asked")
        case .joined:
            let neighbor = pim.upstreamState(of: tree)?.neighbor
            return ExplainStep("upstream", .ok, "joined by PIM" + (neighbor.map { " at \($0)" } ?? ""))
        case .noNeighbor:
            return ExplainStep(
                "upstream", .failed, "the next hop is no PIM neighbour", reason: standing.rawValue,
                hint: "see 'mrpctl show neighbors'; PIM must run on the router upstream and on the interface to it")
        case .resolving, .noRoute, .notConfigured:
            return ExplainStep("upstream", .unknown, "where to join is not known", reason: standing.rawValue)
        case .notJoined:
            return ExplainStep(
                "upstream", .unknown, "nobody wants the tree here, so it is not joined", reason: standing.rawValue)
        }
    }

    // MARK: Forwarding

    private func explainEntry(_ subscriber: String, _ tree: SourceGroup, at time: RouterTime) -> ExplainStep {
        var ports = sightings(of: subscriber, tree, at: time)
            .filter { $0.isOfSubscriber && $0.verdict.isAdmitted }.map(\.member.port.interface)
        let watches = admission.unicastMembers.entries(of: subscriber, tree).contains { $0.verdict?.isAdmitted == true }
        if watches, let delivery = interfaces.delivery { ports.append(delivery) }
        guard let slot = plan[tree], slot.wanted != nil else {
            return ExplainStep("forwarding-entry", .unknown, "no entry is wanted for \(tree)", reason: "not-wanted")
        }
        if let problem = slot.problem {
            return ExplainStep(
                "forwarding-entry", .failed, "the kernel refused the entry: \(problem)", reason: "kernel-refused")
        }
        guard let port = ports.first else {
            return ExplainStep(
                "forwarding-entry", .unknown, "an entry is there for others", reason: "no-admitted-member")
        }
        let name = interfaces.name(of: port)
        if isForwarding(tree, to: port) {
            return ExplainStep("forwarding-entry", .ok, "the kernel copies \(tree) to \(name)")
        }
        let problem = interfaces.routed[port]?.problem
        return ExplainStep(
            "forwarding-entry", .failed, "the kernel's entry does not send to \(name)",
            reason: port == origin(of: tree)?.interface ? "incoming-interface" : problem ?? "not-installed")
    }

    private func explainPackets(_ tree: SourceGroup) -> ExplainStep {
        guard let slot = plan[tree], slot.installed != nil, let counters = slot.counters else {
            return ExplainStep("packets", .unknown, "the kernel has counted nothing yet")
        }
        if counters.packets > 0 {
            return ExplainStep("packets", .ok, "\(counters.packets) packets, \(counters.bytes) bytes")
        }
        if counters.wrongInterface > 0 {
            return ExplainStep(
                "packets", .failed, "\(counters.wrongInterface) packets came in on another interface",
                reason: "wrong-interface", hint: "the route to the source does not point to where it sends from")
        }
        return ExplainStep(
            "packets", .failed, "no packet of \(tree) has come in", reason: "no-packets",
            hint: "look at the router upstream, and whether the source is sending with a TTL above 1")
    }
}
