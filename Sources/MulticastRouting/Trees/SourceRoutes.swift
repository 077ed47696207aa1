import Wire

/// The way to each source, asked of the kernel once and again whenever routes change.
struct SourceRoutes: Sendable {
    enum Answer: Sendable, Equatable {
        case asked
        case route(RPFRoute)
        case unreachable

        var route: RPFRoute? {
            if case .route(let route) = self { return route }
            return nil
        }
    }

    let limit: Int
    private var answers: [IPAddress: Answer] = [:]
    /// The trees that follow a source.
    private var trees: [IPAddress: Set<SourceGroup>] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    subscript(source: IPAddress) -> Answer? { answers[source] }

    /// The trees to settle again when the way to `source` changes, sorted.
    func followers(of source: IPAddress) -> [SourceGroup] { trees[source]?.sorted() ?? [] }

    /// Whether the kernel must be asked for `source`: notes that it is. False too when the table is full of sources
    /// in use, which the limit on trees prevents.
    mutating func needsAsking(_ source: IPAddress) -> Bool {
        guard answers[source] == nil else { return false }
        if answers.count >= limit {
            answers = answers.filter { trees[$0.key] != nil }
            guard answers.count < limit else { return false }
        }
        answers[source] = .asked
        return true
    }

    mutating func follow(_ tree: SourceGroup) {
        if let source = tree.source { trees[source, default: []].insert(tree) }
    }

    mutating func unfollow(_ tree: SourceGroup) {
        guard let source = tree.source else { return }
        trees[source]?.remove(tree)
        if trees[source]?.isEmpty == true { trees[source] = nil }
    }

    /// Whether that is news about a source that was asked for.
    mutating func set(_ source: IPAddress, _ route: RPFRoute?) -> Bool {
        guard let old = answers[source] else { return false }
        let new = route.map(Answer.route) ?? .unreachable
        answers[source] = new
        return old != new
    }

    /// Forgets sources nobody follows; the others, sorted, must be asked for again. Until then the old answers stand.
    mutating func invalidate() -> [IPAddress] {
        answers = answers.filter { trees[$0.key] != nil }
        return answers.keys.sorted()
    }
}
