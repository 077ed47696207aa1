/// What a multicast tree, a membership or a forwarding entry is keyed by: `(S,G)`, or `(*,G)` when there is no source.
///
/// RFC 4607 calls the pair a "channel"; here that word means the live programme, so the pair has this name.
package struct SourceGroup: Codable, Hashable, Sendable, Comparable, CustomStringConvertible {
    package var source: IPAddress?
    package var group: IPAddress

    package init(source: IPAddress?, group: IPAddress) {
        self.source = source
        self.group = group
    }

    // Written out for the same reason as the address's: one word for an IPv4 pair.

    package static func == (left: SourceGroup, right: SourceGroup) -> Bool {
        switch (left.source, right.source) {
        case (let mine?, let theirs?): mine == theirs && left.group == right.group
        case (nil, nil): left.group == right.group
        case (nil, _?), (_?, nil): false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch (source, group) {
        case (.v4(let source), .v4(let group)):
            hasher.combine(UInt64(source.rawValue) << 32 | UInt64(group.rawValue))
        case (let source?, _):
            source.hash(into: &hasher)
            group.hash(into: &hasher)
        case (nil, _): group.hash(into: &hasher)
        }
    }

    package static func < (left: SourceGroup, right: SourceGroup) -> Bool {
        if left.group != right.group { return left.group < right.group }
        switch (left.source, right.source) {
        case (nil, nil), (_?, nil): return false
        case (nil, _?): return true
        case (let mine?, let theirs?): return mine < theirs
        }
    }

    package var description: String { "(\(source.map(\.description) ?? "*"),\(group))" }
}
