import Clockwork
import ControlProtocol
import Wire

/// Who may have what: matches hosts that report against what the owners authorized.
struct Admission: Sendable {
    var authorizations = AuthorizationIndex()
    var sources = SourceTable()
    var unicastMembers: UnicastMemberTable
    var neighbors: NeighborAddresses
    var trustedDownstream: [IPPrefix]
    /// Items that make no sense, such as a group that is not multicast.
    private(set) var invalidItems: UInt64 = 0

    init(configuration: RoutingConfiguration) {
        neighbors = NeighborAddresses(limit: configuration.limits.neighborAddresses)
        trustedDownstream = configuration.trustedDownstream
        unicastMembers = UnicastMemberTable(limit: configuration.limits.unicastMembers)
    }

    /// Where a report came in, by the names that a binding uses.
    struct Place: Sendable, Equatable {
        var mode: AdmissionMode
        var interface: InterfaceIndex
        var interfaceName: String
        var bridgePortName: String?
    }

    // MARK: Owners' items

    /// Applies what an owner changed; whom it concerns in which groups.
    mutating func apply(_ difference: OwnerTable.Difference, owner: String) -> [IPAddress: ConcernedHosts] {
        var groups: [IPAddress: ConcernedHosts] = [:]
        for item in difference.removed { remove(item, owner: owner, &groups) }
        for item in difference.added {
            if Self.isValid(item) { insert(item, owner: owner, &groups) } else { invalidItems &+= 1 }
        }
        return groups
    }

    private static func isValid(_ item: RouterFeedItem) -> Bool {
        switch item {
        case .authorization(let entry):
            isValid(entry.tree) && entry.binding.addresses.count <= SubscriberBinding.maximumAddresses
        case .sourceMapping(let group, let source): isValid(SourceGroup(source: source, group: group))
        case .localTree(let tree): tree.source != nil && isValid(tree)
        case .unicastMember(let member):
            member.tree.source != nil && isValid(member.tree) && !member.subscriber.isEmpty
                && !member.address.isMulticast && !member.address.isUnspecified
        }
    }

    private static func isValid(_ tree: SourceGroup) -> Bool {
        guard tree.group.isMulticast, tree.group.v4?.isLinkLocalMulticast != true else { return false }
        guard let source = tree.source else { return true }
        return !source.isMulticast && !source.isUnspecified
    }

    private mutating func insert(_ item: RouterFeedItem, owner: String, _ groups: inout [IPAddress: ConcernedHosts]) {
        switch item {
        case .authorization(let entry):
            // The first one changes the reason that everybody else is refused for.
            let isFirst = authorizations.isEmpty(entry.tree)
            authorizations.insert(entry, owner: owner)
            unicastMembers.reconsider(entry.subscriber, in: entry.tree.group)
            groups[entry.tree.group, default: .nobody].formUnion(isFirst ? .all : .hosts(of: entry.binding))
        case .sourceMapping(let group, let source):
            sources.insert(source, of: group, owner: owner, key: item.key)
            groups[group] = .all
        case .localTree(let tree):
            guard let source = tree.source else { return }
            sources.insert(source, of: tree.group, owner: owner, key: item.key)
            groups[tree.group] = .all
        case .unicastMember(let member):
            unicastMembers.insert(member, owner: owner)
            groups[member.tree.group, default: .nobody].formUnion(.nobody)
        }
    }

    private mutating func remove(_ item: RouterFeedItem, owner: String, _ groups: inout [IPAddress: ConcernedHosts]) {
        switch item {
        case .authorization(let entry):
            authorizations.remove(entry, owner: owner)
            unicastMembers.reconsider(entry.subscriber, in: entry.tree.group)
            let wasLast = authorizations.isEmpty(entry.tree)
            groups[entry.tree.group, default: .nobody].formUnion(wasLast ? .all : .hosts(of: entry.binding))
        case .sourceMapping(let group, let source):
            sources.remove(source, of: group, owner: owner, key: item.key)
            groups[group] = .all
        case .localTree(let tree):
            guard let source = tree.source else { return }
            sources.remove(source, of: tree.group, owner: owner, key: item.key)
            groups[tree.group] = .all
        case .unicastMember(let member):
            unicastMembers.remove(member, owner: owner)
            groups[member.tree.group, default: .nobody].formUnion(.nobody)
        }
    }

    // MARK: Verdicts

    /// The verdict on a host that asks for `tree`; a tree without a source is one for which no source was found.
    func verdict(
        host: IPAddress, place: Place, tree: SourceGroup, at wall: UnixTime
    ) -> AdmissionVerdict {
        guard tree.source != nil else {
            return .refused(authorizations.trees(of: tree.group).isEmpty ? .noAuthorization : .noSource)
        }
        if place.mode == .open { return .admitted(.openInterface, subscriber: nil) }
        if isTrusted(host) { return .admitted(.trustedDownstream, subscriber: nil) }
        let mac = neighbors.mac(place.interface, host)
        let anySource = SourceGroup(source: nil, group: tree.group)
        var closest: RefusalReason?
        for candidates in [tree, anySource] {
            for held in authorizations.candidates(candidates, host: host, mac: mac) {
                guard let miss = Self.miss(held, place: place, at: wall) else {
                    return .admitted(.authorized, subscriber: held.authorization.subscriber)
                }
                closest = max(closest ?? miss, miss)
            }
        }
        return .refused(closest ?? reasonWithoutCandidate(host: host, mac: mac, tree: tree))
    }

    /// The authorizations by which this host may have `tree` here.
    func holding(host: IPAddress, place: Place, tree: SourceGroup, at wall: UnixTime) -> [HeldAuthorization] {
        guard tree.source != nil else { return [] }
        let mac = neighbors.mac(place.interface, host)
        return [tree, SourceGroup(source: nil, group: tree.group)].flatMap { candidate in
            authorizations.candidates(candidate, host: host, mac: mac)
        }.filter { Self.miss($0, place: place, at: wall) == nil }
    }

    /// The verdict on a unicast viewer that an owner announced. The owner has seen where the viewer asks from; the router
    /// holds it to the same authorizations as hosts.
    func verdict(
        on entry: UnicastMemberTable.Entry, hasDelivery: Bool, at wall: UnixTime
    ) -> AdmissionVerdict {
        let member = entry.member
        if entry.isBeyondLimit { return .refused(.unicastMemberLimit) }
        guard hasDelivery else { return .refused(.noDeliveryInterface) }
        if member.isOwnInterest { return .admitted(.ownInterest, subscriber: nil) }
        var closest = RefusalReason.noAuthorization
        for tree in [member.tree, SourceGroup(source: nil, group: member.tree.group)] {
            for held in authorizations.authorizations(of: tree, subscriber: member.subscriber) {
                let addresses = held.authorization.binding.addresses
                if !addresses.isEmpty, !addresses.contains(member.address) {
                    closest = max(closest, .unknownSubscriberAddress)
                } else if held.isExpired(at: wall) {
                    closest = max(closest, .authorizationExpired)
                } else {
                    return .admitted(.authorized, subscriber: member.subscriber)
                }
            }
        }
        return .refused(closest)
    }

    /// Lets authorizations end; the groups in which one did, sorted, and whom it was for.
    mutating func expire(at wall: UnixTime) -> [(group: IPAddress, hosts: ConcernedHosts)] {
        var groups: [IPAddress: ConcernedHosts] = [:]
        for (key, hosts) in authorizations.expire(at: wall) {
            unicastMembers.reconsider(key.subscriber, in: key.tree.group)
            groups[key.tree.group, default: .nobody].formUnion(hosts)
        }
        return groups.sorted { $0.key < $1.key }.map { (group: $0.key, hosts: $0.value) }
    }

    func isTrusted(_ host: IPAddress) -> Bool { trustedDownstream.contains { $0.contains(host) } }

    /// Nil when the authorization holds.
    private static func miss(_ held: HeldAuthorization, place: Place, at wall: UnixTime) -> RefusalReason? {
        let binding = held.authorization.binding
        if let interface = binding.interface, interface != place.interfaceName { return .wrongInterface }
        if let port = binding.bridgePort, port != place.bridgePortName { return .wrongBridgePort }
        return held.isExpired(at: wall) ? .authorizationExpired : nil
    }

    private func reasonWithoutCandidate(host: IPAddress, mac: MACAddress?, tree: SourceGroup) -> RefusalReason {
        let others = authorizations.trees(of: tree.group)
        let anySource = SourceGroup(source: nil, group: tree.group)
        if others.contains(where: { !authorizations.candidates($0, host: host, mac: mac).isEmpty }) {
            return .sourceNotAuthorized
        }
        let isAuthorizedForSomeone = !authorizations.isEmpty(tree) || !authorizations.isEmpty(anySource)
        return isAuthorizedForSomeone ? .unknownSubscriberAddress : .noAuthorization
    }

    /// Whether a MAC could help a host that is not known by its address.
    func wantsMAC(for tree: SourceGroup) -> Bool {
        authorizations.hasMACs(tree) || authorizations.hasMACs(SourceGroup(source: nil, group: tree.group))
    }

    /// Whether any authorization that holds could let some host of this interface have `tree`.
    func mayAdmitAnyone(_ tree: SourceGroup, interfaceName: String, at wall: UnixTime) -> Bool {
        [tree, SourceGroup(source: nil, group: tree.group)].contains { candidate in
            authorizations.authorizations(of: candidate).contains { held in
                !held.isExpired(at: wall)
                    && (held.authorization.binding.interface ?? interfaceName) == interfaceName
            }
        }
    }
}
