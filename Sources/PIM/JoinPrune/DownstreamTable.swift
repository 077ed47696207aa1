import Wire

/// All downstream machines, by tree and interface; none of them is in `noInfo`.
struct DownstreamTable: Sendable {
    private var machines: [SourceGroup: [InterfaceIndex: DownstreamMachine]] = [:]
    private(set) var count = 0

    /// The machine of a tree on an interface; one in `noInfo` takes no room.
    subscript(tree: SourceGroup, index: InterfaceIndex) -> DownstreamMachine {
        get { machines[tree]?[index] ?? DownstreamMachine() }
        set {
            let wasJoined = machines[tree]?[index] != nil
            if newValue.isJoined {
                machines[tree, default: [:]][index] = newValue
            } else if wasJoined {
                machines[tree]?[index] = nil
                if machines[tree]?.isEmpty == true { machines[tree] = nil }
            }
            count += (newValue.isJoined ? 1 : 0) - (wasJoined ? 1 : 0)
        }
    }

    var trees: [SourceGroup] { machines.keys.sorted() }

    func interfaces(of tree: SourceGroup) -> [InterfaceIndex] {
        machines[tree].map { $0.keys.sorted() } ?? []
    }

    func trees(on index: InterfaceIndex) -> [SourceGroup] {
        machines.filter { $0.value[index] != nil }.keys.sorted()
    }
}
