import Clockwork
import ControlProtocol
import GroupMembership
import Wire

extension RouterEngine {
    /// Unicast members stand on the delivery interface as hosts do on others.
    func collectUnicastMembers(at time: RouterTime, into ports: inout [SourceGroup: [GroupPort]]) {
        guard let name = deliveryName else { return }
        var hosts: [SourceGroup: [GroupHost]] = [:]
        for entry in admission.unicastMembers.all() {
            guard let host = unicastHost(entry, at: time) else { continue }
            hosts[entry.member.tree, default: []].append(host)
        }
        for (tree, hosts) in hosts {
            ports[tree, default: []].append(
                GroupPort(
                    interface: name, bridgePort: nil, origin: "unicast", filterMode: FilterMode.include.name,
                    version: Self.unicastVersion, upTime: hosts.map(\.upTime).max() ?? 0,
                    expire: hosts.map(\.expire).max(), lastReporter: nil,
                    forwarding: interfaces.delivery.map { isForwarding(tree, to: $0) } ?? false, hosts: hosts))
        }
    }

    private static let unicastVersion = "http"

    /// The configured interface, whether it exists or not.
    var deliveryName: String? { configuration.interfaces.first(where: \.isDelivery)?.name }

    private func unicastHost(_ entry: UnicastMemberTable.Entry, at time: RouterTime) -> GroupHost? {
        guard let verdict = entry.verdict else { return nil }
        let member = entry.member
        let left = liveAuthorizations(of: member, at: time).map { $0.authorization.expires - time.wall }.max()
        return GroupHost(
            hostAddress: member.address, subscriber: member.isOwnInterest ? nil : member.subscriber,
            version: Self.unicastVersion, filterMode: FilterMode.include.name,
            sources: member.tree.source.map { [$0] } ?? [], upTime: max((time.wall - member.since).seconds, 0),
            lastReport: 0, expire: left?.seconds ?? 0, leaving: false,
            verdict: verdict.isAdmitted ? "admitted" : "refused", reason: verdict.reason)
    }

    private func liveAuthorizations(of member: UnicastMember, at time: RouterTime) -> [HeldAuthorization] {
        [member.tree, SourceGroup(source: nil, group: member.tree.group)]
            .flatMap { admission.authorizations.authorizations(of: $0, subscriber: member.subscriber) }
            .filter { !$0.isExpired(at: time.wall) }
    }

    func collectUnicastMemberships(
        at time: RouterTime, into memberships: inout [AuthorizationIndex.Key: [SubscriberMembership]],
        _ refused: inout [RefusedMembership]
    ) {
        let name = deliveryName ?? ""
        for entry in admission.unicastMembers.all() {
            let member = entry.member
            if case .refused(let reason) = entry.verdict {
                refused.append(
                    RefusedMembership(
                        interface: name, bridgePort: nil, hostAddress: member.address, source: member.tree.source,
                        group: member.tree.group, reason: reason.rawValue))
                continue
            }
            let membership = SubscriberMembership(
                interface: name, bridgePort: nil, hostAddress: member.address,
                upTime: max((time.wall - member.since).seconds, 0), leaving: false)
            for held in liveAuthorizations(of: member, at: time) {
                memberships[held.key, default: []].append(membership)
            }
        }
    }

    // MARK: Explaining

    /// The steps `report` and `admission` of a subscriber who watches by unicast; nil where the owner announced none.
    func explainUnicast(_ subscriber: String, _ tree: SourceGroup, at time: RouterTime) -> [ExplainStep]? {
        let entries = admission.unicastMembers.entries(of: subscriber, tree)
        guard let best = entries.first(where: { $0.verdict?.isAdmitted == true }) ?? entries.first else { return nil }
        let ago = max(Int((time.wall - best.member.since).seconds), 0)
        let report = ExplainStep(
            "report", .ok,
            "\(best.member.address) watches by unicast since \(ago) s"
                + (deliveryName.map { ", delivered on \($0)" } ?? ""))
        guard case .refused(let reason) = best.verdict else {
            let reason = best.verdict?.reason ?? AdmissionReason.authorized.rawValue
            return [report, ExplainStep("admission", .ok, "admitted: \(reason)")]
        }
        return [
            report,
            ExplainStep(
                "admission", .failed, "refused: \(reason.rawValue)", reason: reason.rawValue,
                hint: Self.unicastHint(reason)),
        ]
    }

    private static func unicastHint(_ reason: RefusalReason) -> String {
        switch reason {
        case .noDeliveryInterface: "give one of router.interfaces a \"delivery\" address"
        case .unicastMemberLimit: "raise router.limits.unicast-members"
        case .authorizationExpired: "the client must ask the OTT server to join again"
        default: "compare the binding in 'mrpctl show subscribers' with the address above"
        }
    }
}
