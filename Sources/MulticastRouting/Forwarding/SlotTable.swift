import Wire

/// Slots by tree. They stand in an array, because a slot must change in place, and a dictionary moves its values out
/// and in for that.
struct SlotTable: Sendable {
    private var indices: [SourceGroup: Int] = [:]
    private var slots: [ForwardingSlot] = []
    private var free: [Int] = []

    /// A copy; `read` and `update` look at one in its place.
    subscript(tree: SourceGroup) -> ForwardingSlot? { indices[tree].map { slots[$0] } }

    /// Sorted.
    var trees: [SourceGroup] { indices.keys.sorted() }

    func count(where isMeant: (ForwardingSlot) -> Bool) -> Int { indices.values.count { isMeant(slots[$0]) } }

    /// Sorted.
    func trees(where isMeant: (ForwardingSlot) -> Bool) -> [SourceGroup] {
        indices.filter { isMeant(slots[$0.value]) }.keys.sorted()
    }

    /// Nil where there is no slot.
    func read<Result>(_ tree: SourceGroup, _ body: (ForwardingSlot) -> Result) -> Result? {
        indices[tree].map { body(slots[$0]) }
    }

    /// Nil where there is no slot.
    @discardableResult
    mutating func update<Result>(_ tree: SourceGroup, _ body: (inout ForwardingSlot) -> Result) -> Result? {
        guard let index = indices[tree] else { return nil }
        return body(&slots[index])
    }

    /// Makes the slot where there is none.
    @discardableResult
    mutating func make<Result>(_ tree: SourceGroup, _ body: (inout ForwardingSlot) -> Result) -> Result {
        if let index = indices[tree] { return body(&slots[index]) }
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(ForwardingSlot()) }
        indices[tree] = index
        return body(&slots[index])
    }

    mutating func remove(_ tree: SourceGroup) {
        guard let index = indices.removeValue(forKey: tree) else { return }
        slots[index] = ForwardingSlot()
        free.append(index)
    }
}
