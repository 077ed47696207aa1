import Wire

/// What one role can say about a subscriber and a channel: its part of the way from entitlement to packet, in order.
package struct RoleExplanation: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.role-explain/1"

    package var schema = RoleExplanation.schemaName
    package var role: Element
    /// `entitlement`, `proxy`, `allocation`, `channel-join`, `ingest`, `channel-map`, `authorized` …
    package var steps: [ExplainStep]
    /// The channel's trees, where this role knows them, so that the router can be asked about each.
    package var trees: [SourceGroup]

    package init(role: Element, steps: [ExplainStep], trees: [SourceGroup] = []) {
        self.role = role
        self.steps = steps
        self.trees = trees
    }
}
