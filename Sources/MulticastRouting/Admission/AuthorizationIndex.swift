import Clockwork
import ControlProtocol
import Wire

/// An authorization with the owner who published it.
struct HeldAuthorization: Sendable, Equatable {
    var owner: String
    var authorization: RouterAuthorization

    var key: AuthorizationIndex.Key {
        .init(tree: authorization.tree, subscriber: authorization.subscriber, owner: owner)
    }

    func isExpired(at wall: UnixTime) -> Bool { authorization.expires <= wall }
}

/// All owners' authorizations, found by tree and then by the address or MAC a report comes from.
struct AuthorizationIndex: Sendable {
    struct Key: Hashable, Sendable, Comparable {
        var tree: SourceGroup
        var subscriber: String
        var owner: String

        static func < (left: Key, right: Key) -> Bool {
            if left.tree != right.tree { return left.tree < right.tree }
            return (left.subscriber, left.owner) < (right.subscriber, right.owner)
        }
    }

    private struct TreeIndex: Sendable {
        var held: [Key: HeldAuthorization] = [:]
        /// Sorted, so that two runs find the same one first.
        var byAddress: [IPAddress: [Key]] = [:]
        var byMAC: [MACAddress: [Key]] = [:]
        var bySubscriber: [String: [Key]] = [:]
    }

    private var trees: [SourceGroup: TreeIndex] = [:]
    /// The trees of a group, sorted.
    private var treesByGroup: [IPAddress: [SourceGroup]] = [:]
    /// Runs on the calendar: an `Instant` here is a `UnixTime`.
    private var expiries = DeadlineQueue<Key>()
    private(set) var count = 0

    // MARK: Change

    mutating func insert(_ authorization: RouterAuthorization, owner: String) {
        remove(authorization, owner: owner)
        let tree = authorization.tree
        let key = Key(tree: tree, subscriber: authorization.subscriber, owner: owner)
        if trees[tree] == nil { treesByGroup[tree.group, default: []].insertSorted(tree) }
        trees[tree, default: TreeIndex()].held[key] = HeldAuthorization(owner: owner, authorization: authorization)
        trees[tree]?.bySubscriber[key.subscriber, default: []].insertSorted(key)
        for address in Set(authorization.binding.addresses) {
            trees[tree]?.byAddress[address, default: []].insertSorted(key)
        }
        if let mac = authorization.binding.mac { trees[tree]?.byMAC[mac, default: []].insertSorted(key) }
        expiries.set(key, at: Instant(calendar: authorization.expires))
        count += 1
    }

    mutating func remove(_ authorization: RouterAuthorization, owner: String) {
        let tree = authorization.tree
        let key = Key(tree: tree, subscriber: authorization.subscriber, owner: owner)
        guard let held = trees[tree]?.held.removeValue(forKey: key) else { return }
        count -= 1
        expiries.cancel(key)
        trees[tree]?.bySubscriber.removeKey(key, at: key.subscriber)
        for address in Set(held.authorization.binding.addresses) {
            trees[tree]?.byAddress.removeKey(key, at: address)
        }
        if let mac = held.authorization.binding.mac { trees[tree]?.byMAC.removeKey(key, at: mac) }
        guard trees[tree]?.held.isEmpty == true else { return }
        trees[tree] = nil
        treesByGroup.removeKey(tree, at: tree.group)
    }

    // MARK: Expiry

    /// The authorizations that have ended since the last call, and whom they were for.
    mutating func expire(at wall: UnixTime) -> [(key: Key, hosts: ConcernedHosts)] {
        var ended: [(key: Key, hosts: ConcernedHosts)] = []
        while let key = expiries.popDue(at: Instant(calendar: wall)) {
            let hosts = trees[key.tree]?.held[key].map { ConcernedHosts.hosts(of: $0.authorization.binding) } ?? .nobody
            ended.append((key, hosts))
        }
        return ended
    }

    mutating func nextExpiry() -> UnixTime? { expiries.nextDeadline()?.calendar }

    /// The clock went back: what had ended may hold again.
    mutating func restoreExpiries() {
        for key in trees.values.flatMap(\.held.keys).sorted() {
            guard let held = trees[key.tree]?.held[key] else { continue }
            expiries.set(key, at: Instant(calendar: held.authorization.expires))
        }
    }

    // MARK: Lookup

    func trees(of group: IPAddress) -> [SourceGroup] { treesByGroup[group] ?? [] }

    func isEmpty(_ tree: SourceGroup) -> Bool { trees[tree] == nil }

    func hasMACs(_ tree: SourceGroup) -> Bool { trees[tree]?.byMAC.isEmpty == false }

    /// The authorizations of `tree` that name this host.
    func candidates(_ tree: SourceGroup, host: IPAddress, mac: MACAddress?) -> [HeldAuthorization] {
        guard let index = trees[tree] else { return [] }
        var keys = index.byAddress[host] ?? []
        if let mac, let more = index.byMAC[mac] { keys += more.filter { !keys.contains($0) } }
        return keys.compactMap { index.held[$0] }
    }

    /// One for each owner that authorizes `subscriber` for `tree`.
    func authorizations(of tree: SourceGroup, subscriber: String) -> [HeldAuthorization] {
        guard let index = trees[tree], let keys = index.bySubscriber[subscriber] else { return [] }
        return keys.compactMap { index.held[$0] }
    }

    /// All authorizations of `tree`, sorted by subscriber and owner.
    func authorizations(of tree: SourceGroup) -> [HeldAuthorization] {
        guard let index = trees[tree] else { return [] }
        return index.held.keys.sorted().compactMap { index.held[$0] }
    }

    /// All authorizations, sorted by tree, subscriber and owner.
    func all() -> [HeldAuthorization] { trees.keys.sorted().flatMap(authorizations(of:)) }
}

extension Instant {
    /// A calendar time for queues that run on the calendar.
    init(calendar: UnixTime) {
        let (nanoseconds, overflow) = calendar.milliseconds.multipliedReportingOverflow(by: 1_000_000)
        self.init(nanoseconds: overflow ? (calendar.milliseconds < 0 ? .min : .max) : nanoseconds)
    }

    var calendar: UnixTime { UnixTime(milliseconds: nanoseconds / 1_000_000) }
}

extension Array where Element: Comparable {
    /// Keeps a sorted array sorted and its elements distinct.
    mutating func insertSorted(_ element: Element) {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle] < element { low = middle + 1 } else { high = middle }
        }
        guard low == endIndex || self[low] != element else { return }
        insert(element, at: low)
    }
}

extension Dictionary {
    /// Takes `key` out of the list at `place`, and the list out when it is empty.
    mutating func removeKey<Listed: Equatable>(_ listed: Listed, at place: Key) where Value == [Listed] {
        self[place]?.removeAll { $0 == listed }
        if self[place]?.isEmpty == true { self[place] = nil }
    }
}
