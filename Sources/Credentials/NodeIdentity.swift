import ControlProtocol

/// What a node may act as.
package enum NodeRole: String, Hashable, Sendable, CaseIterable, Codable {
    case ottServer = "ott-server"
    case liveProxy = "live-proxy"
    case replicationPoint = "replication-point"
}

/// Who a node is: its certificate carries this as the URI of its subject alternative name.
package struct NodeIdentity: Hashable, Sendable, CustomStringConvertible {
    package let role: NodeRole
    package let name: String

    /// Nil when `name` is no `ChannelKey.isName`.
    package init?(role: NodeRole, name: String) {
        guard ChannelKey.isName(name) else { return nil }
        self.role = role
        self.name = name
    }

    /// Reads `mrp://ROLE/NAME`.
    package init?(uri: String) {
        let parts = uri.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "mrp:", parts[1].isEmpty, let role = NodeRole(rawValue: String(parts[2]))
        else { return nil }
        self.init(role: role, name: String(parts[3]))
    }

    package var uri: String { "mrp://\(role.rawValue)/\(name)" }
    package var description: String { "\(role.rawValue) \(name)" }
}
