import Wire

/// All wanted trees, and which of them go through one next hop.
///
/// It has no limit of its own: trees come from memberships and downstream entries, which have theirs.
struct UpstreamTable: Sendable {
    private var machines: [SourceGroup: UpstreamMachine] = [:]
    private var byNextHop: [NextHop: Set<SourceGroup>] = [:]

    /// The machine of a wanted tree; setting nil forgets it.
    subscript(tree: SourceGroup) -> UpstreamMachine? {
        get { machines[tree] }
        set {
            let old = machines[tree]?.nextHop
            machines[tree] = newValue
            guard old != newValue?.nextHop else { return }
            if let old {
                byNextHop[old]?.remove(tree)
                if byNextHop[old]?.isEmpty == true { byNextHop[old] = nil }
            }
            if let new = newValue?.nextHop { byNextHop[new, default: []].insert(tree) }
        }
    }

    var trees: [SourceGroup] { machines.keys.sorted() }

    func trees(through nextHop: NextHop) -> [SourceGroup] {
        byNextHop[nextHop].map { $0.sorted() } ?? []
    }
}
