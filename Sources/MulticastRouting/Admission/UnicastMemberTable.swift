import Clockwork
import ControlProtocol
import Wire

/// The unicast viewers that owners announced, each with its last verdict, and how many of each tree are admitted.
struct UnicastMemberTable: Sendable {
    struct Key: Hashable, Sendable, Comparable {
        var tree: SourceGroup
        var subscriber: String
        var address: IPAddress
        var owner: String

        static func < (left: Key, right: Key) -> Bool {
            if left.tree != right.tree { return left.tree < right.tree }
            return (left.subscriber, left.address, left.owner) < (right.subscriber, right.address, right.owner)
        }
    }

    struct Entry: Sendable, Equatable {
        var member: UnicastMember
        /// Nil until it was judged for the first time.
        var verdict: AdmissionVerdict?
        /// It found the table full.
        var isBeyondLimit: Bool
    }

    /// Members beyond are refused, and get their turn when others leave.
    let limit: Int
    /// By group and subscriber: what an authorization may be for.
    private var groups: [IPAddress: [String: [Key: Entry]]] = [:]
    private var beyondLimit: Set<Key> = []
    private var admitted: [SourceGroup: Int] = [:]
    /// To be judged again.
    private var unjudged: Set<Key> = []
    /// Members that were admitted, and whose owner has taken them back.
    private var ended: [(key: Key, member: UnicastMember)] = []
    private(set) var count = 0
    /// How often a member found the table full.
    private(set) var limitReached: UInt64 = 0

    init(limit: Int) {
        self.limit = limit
    }

    // MARK: Change

    mutating func insert(_ member: UnicastMember, owner: String) {
        let key = Key(tree: member.tree, subscriber: member.subscriber, address: member.address, owner: owner)
        let isBeyond = count - beyondLimit.count >= limit
        if isBeyond {
            limitReached &+= 1
            beyondLimit.insert(key)
        }
        count += 1
        groups[key.tree.group, default: [:]][key.subscriber, default: [:]][key] = Entry(
            member: member, verdict: nil, isBeyondLimit: isBeyond)
        unjudged.insert(key)
    }

    mutating func remove(_ member: UnicastMember, owner: String) {
        let key = Key(tree: member.tree, subscriber: member.subscriber, address: member.address, owner: owner)
        guard let entry = groups[key.tree.group]?[key.subscriber]?.removeValue(forKey: key) else { return }
        if groups[key.tree.group]?[key.subscriber]?.isEmpty == true { groups[key.tree.group]?[key.subscriber] = nil }
        if groups[key.tree.group]?.isEmpty == true { groups[key.tree.group] = nil }
        count -= 1
        unjudged.remove(key)
        if entry.verdict?.isAdmitted == true {
            admit(-1, to: key.tree)
            ended.append((key, entry.member))
        }
        if beyondLimit.remove(key) == nil { admitNextBeyondLimit() }
    }

    private mutating func admitNextBeyondLimit() {
        guard let next = beyondLimit.min() else { return }
        beyondLimit.remove(next)
        groups[next.tree.group]?[next.subscriber]?[next]?.isBeyondLimit = false
        unjudged.insert(next)
    }

    private mutating func admit(_ change: Int, to tree: SourceGroup) {
        let now = admitted[tree, default: 0] + change
        admitted[tree] = now == 0 ? nil : now
    }

    // MARK: Judging

    /// What concerns this subscriber in the group has changed.
    mutating func reconsider(_ subscriber: String, in group: IPAddress) {
        if let keys = groups[group]?[subscriber]?.keys { unjudged.formUnion(keys) }
    }

    mutating func reconsiderAll() {
        for subscribers in groups.values {
            for entries in subscribers.values { unjudged.formUnion(entries.keys) }
        }
    }

    /// The members to judge, sorted, once.
    mutating func takeUnjudged() -> [Key] {
        defer { unjudged = [] }
        return unjudged.sorted()
    }

    /// Members that were admitted and whose owner took them back, sorted, once.
    mutating func takeEnded() -> [(key: Key, member: UnicastMember)] {
        defer { ended = [] }
        return ended.sorted { $0.key < $1.key }
    }

    mutating func set(_ verdict: AdmissionVerdict, of key: Key) {
        guard let old = self[key] else { return }
        admit((verdict.isAdmitted ? 1 : 0) - (old.verdict?.isAdmitted == true ? 1 : 0), to: key.tree)
        groups[key.tree.group]?[key.subscriber]?[key]?.verdict = verdict
    }

    // MARK: Lookup

    subscript(key: Key) -> Entry? { groups[key.tree.group]?[key.subscriber]?[key] }

    /// How many members are not admitted.
    var refusedCount: Int { count - admitted.values.reduce(0, +) }

    func admittedCount(of tree: SourceGroup) -> Int { admitted[tree] ?? 0 }

    /// Sorted.
    func entries(of subscriber: String, _ tree: SourceGroup) -> [Entry] {
        guard let entries = groups[tree.group]?[subscriber] else { return [] }
        return entries.keys.filter { $0.tree == tree }.sorted().compactMap { entries[$0] }
    }

    /// All members, sorted by tree, subscriber, address and owner.
    func all() -> [Entry] {
        let entries = groups.values.flatMap { $0.values.flatMap { $0 } }
        return entries.sorted { $0.key < $1.key }.map(\.value)
    }
}
