/// Which state of an upstream feed each revision of a downstream feed reflects, so that "applied up to this revision"
/// coming back from downstream can be passed on in the upstream's own terms.
package struct RevisionLedger<Value: Hashable & Sendable>: Sendable {
    /// Beyond this the older notes go: what they stood for is then acknowledged a little later, never too early.
    package static var maximumNotes: Int { 4_096 }

    private var notes: [(revision: UInt64, value: Value)] = []

    package init() {}

    package var isEmpty: Bool { notes.isEmpty }

    /// From `revision` on, downstream reflects `value`. Revisions never go down.
    package mutating func note(_ value: Value, at revision: UInt64) {
        if notes.last?.value == value { return }
        if notes.last?.revision == revision { notes.removeLast() }
        notes.append((revision, value))
        if notes.count > Self.maximumNotes { notes.removeFirst() }
    }

    /// The newest value that `revision` reflects; it and all before it are forgotten. Nil when there is none.
    package mutating func take(through revision: UInt64) -> Value? {
        let passed = notes.prefix { $0.revision <= revision }
        guard let newest = passed.last else { return nil }
        notes.removeFirst(passed.count)
        return newest.value
    }
}
