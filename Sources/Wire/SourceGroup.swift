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
