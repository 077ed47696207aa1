/// The answer to `describe`: who serves this control socket, and what can be asked of it.
package struct ElementDescription: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.element/1"

    package var schema = ElementDescription.schemaName
    package var element: Element
    /// The node's name in the configuration.
    package var node: String
    /// What `show` takes.
    package var topics: [String]
    /// The commands it performs; see `RoleCommand`.
    package var commands: [String]

    package init(element: Element, node: String, topics: [String], commands: [String] = []) {
        self.element = element
        self.node = node
        self.topics = topics
        self.commands = commands
    }
}

/// The programs and roles that serve a control socket, in the order of the way from entitlement to packet.
package enum Element: String, Codable, Hashable, Sendable, CaseIterable, Comparable {
    case ottServer = "ott-server"
    case liveProxy = "live-proxy"
    case replicationPoint = "replication-point"
    case router

    package static func < (left: Element, right: Element) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What `mrp-router` shows.
package enum RouterTopic: String, CaseIterable, Sendable {
    /// `GroupsDocument`
    case groups
    /// `RouterSubscribersDocument`
    case subscribers
    /// `InterfacesDocument`
    case interfaces
    /// `NeighborsDocument`
    case neighbors
    /// `RoutesDocument`
    case routes
    /// `CountersDocument`
    case counters
    /// `RouterStatusDocument`
    case status
}
