import Clockwork
import ControlProtocol
import GroupMembership
import Wire

extension RouterEngine {
    package func subscribersDocument(at time: RouterTime) -> RouterSubscribersDocument {
        var memberships: [AuthorizationIndex.Key: [SubscriberMembership]] = [:]
        var refused: [RefusedMembership] = []
        for index in interfaces.routedIndices {
            guard let interface = interfaces.routed[index], let membership = interface.membership else { continue }
            for member in membership.allMemberships() {
                for tree in requestedTrees(of: member) {
                    let place = place(of: member.port, on: interface)
                    let matching = admission.holding(host: member.host, place: place, tree: tree, at: time.wall)
                    for held in matching {
                        memberships[held.key, default: []].append(subscriberMembership(member, at: time))
                    }
                    guard matching.isEmpty,
                        case .refused(let reason) = admission.verdict(
                            host: member.host, place: place, tree: tree, at: time.wall)
                    else { continue }
                    refused.append(refusedMembership(member, tree, reason))
                }
            }
        }
        collectUnicastMemberships(at: time, into: &memberships, &refused)
        return RouterSubscribersDocument(
            authorizations: admission.authorizations.all().map { held in
                authorizationEntry(held, memberships[held.key] ?? [], at: time)
            }.sorted(by: Self.precedes), refused: refused)
    }

    private func subscriberMembership(_ member: HostMembership, at time: RouterTime) -> SubscriberMembership {
        SubscriberMembership(
            interface: interfaces.name(of: member.port.interface),
            bridgePort: member.port.bridgePort.map(interfaces.name(of:)), hostAddress: member.host,
            upTime: (time.now - member.since).seconds, leaving: member.isLeaving)
    }

    private func refusedMembership(
        _ member: HostMembership, _ tree: SourceGroup, _ reason: RefusalReason
    ) -> RefusedMembership {
        RefusedMembership(
            interface: interfaces.name(of: member.port.interface),
            bridgePort: member.port.bridgePort.map(interfaces.name(of:)), hostAddress: member.host,
            source: tree.source, group: tree.group, reason: reason.rawValue)
    }

    private func authorizationEntry(
        _ held: HeldAuthorization, _ memberships: [SubscriberMembership], at time: RouterTime
    ) -> AuthorizationEntry {
        let entry = held.authorization
        let state = held.isExpired(at: time.wall) ? "expired" : memberships.isEmpty ? "not-joined" : "member"
        return AuthorizationEntry(
            subscriber: entry.subscriber, owner: held.owner, source: entry.tree.source, group: entry.tree.group,
            binding: entry.binding, expires: entry.expires, expire: max((entry.expires - time.wall).seconds, 0),
            label: entry.label, state: state, memberships: memberships)
    }

    private static func precedes(_ left: AuthorizationEntry, _ right: AuthorizationEntry) -> Bool {
        if left.subscriber != right.subscriber { return left.subscriber < right.subscriber }
        let mine = SourceGroup(source: left.source, group: left.group)
        let theirs = SourceGroup(source: right.source, group: right.group)
        return mine == theirs ? left.owner < right.owner : mine < theirs
    }

    // MARK: Status

    package func statusDocument(at time: RouterTime) -> RouterStatusDocument {
        let adoptionEnd = trees.values.compactMap(\.nextAdoptionEnd).max()
        return RouterStatusDocument(
            upTime: (time.now - startedAt).seconds, adoptionLeft: adoptionEnd.map { ($0 - time.now).seconds },
            owners: owners.names.compactMap { name in
                owners[name].map { owner in
                    OwnerEntry(
                        owner: name, connected: owner.isConnected, items: owner.follower.count,
                        epoch: owner.follower.position?.epoch, revision: owner.follower.position?.revision)
                }
            }, authorizations: admission.authorizations.count, trees: trees.count,
            memberships: members.count + admission.unicastMembers.count,
            refusedMemberships: members.refused.values.reduce(0, +) + admission.unicastMembers.refusedCount,
            installedEntries: plan.installedCount,
            pendingEntries: plan.pendingCount)
    }
}
