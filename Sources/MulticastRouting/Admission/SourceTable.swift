import Wire

/// Which sources a group has for hosts that join it without naming one: SSM mappings and local trees, by owner.
struct SourceTable: Sendable {
    /// More sources of one group are ignored.
    static let maximumSourcesPerGroup = 16

    private struct Mapping: Sendable, Hashable {
        var owner: String
        var key: String
    }

    private var sources: [IPAddress: [IPAddress: Set<Mapping>]] = [:]
    private(set) var refused: UInt64 = 0

    /// Sorted.
    subscript(group: IPAddress) -> [IPAddress] { sources[group]?.keys.sorted() ?? [] }

    /// `key` is the feed item's, so that a mapping and a local tree of the same pair do not undo one another.
    mutating func insert(_ source: IPAddress, of group: IPAddress, owner: String, key: String) {
        let known = sources[group] ?? [:]
        guard known[source] != nil || known.count < Self.maximumSourcesPerGroup else {
            refused &+= 1
            return
        }
        sources[group, default: [:]][source, default: []].insert(Mapping(owner: owner, key: key))
    }

    mutating func remove(_ source: IPAddress, of group: IPAddress, owner: String, key: String) {
        sources[group]?[source]?.remove(Mapping(owner: owner, key: key))
        if sources[group]?[source]?.isEmpty == true { sources[group]?[source] = nil }
        if sources[group]?.isEmpty == true { sources[group] = nil }
    }
}
