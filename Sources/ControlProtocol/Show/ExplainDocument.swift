import Wire

/// `explain`: the way from entitlement to packet, in order; the first step that is not `ok` is the cause.
package struct ExplainDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.explain/1"

    package var schema = ExplainDocument.schemaName
    package var subscriber: String
    package var source: IPAddress?
    package var group: IPAddress
    package var steps: [ExplainStep]

    package init(subscriber: String, tree: SourceGroup, steps: [ExplainStep]) {
        self.subscriber = subscriber
        source = tree.source
        group = tree.group
        self.steps = steps
    }

    package var firstFailure: ExplainStep? { steps.first { $0.state == .failed } }
}

package struct ExplainStep: Codable, Hashable, Sendable {
    package enum State: String, Codable, Hashable, Sendable {
        case ok
        case failed
        /// Cannot be told, mostly because an earlier step failed.
        case unknown
    }

    /// `authorization`, `report`, `admission`, `route`, `upstream`, `forwarding-entry`, `packets`; other programs put
    /// theirs before.
    package var name: String
    package var state: State
    /// One sentence with the facts.
    package var detail: String
    /// A kebab-case code for programs, where the step is not `ok`.
    package var reason: String?
    /// What to do next, where something can be done.
    package var hint: String?

    package init(_ name: String, _ state: State, _ detail: String, reason: String? = nil, hint: String? = nil) {
        self.name = name
        self.state = state
        self.detail = detail
        self.reason = reason
        self.hint = hint
    }
}
