import Wire

/// What happened in a table of memberships, in terms of either address family; the interface turns it into actions.
enum MembershipEvent: Equatable, Sendable {
    case changed(group: IPAddress, port: OutputPort, host: IPAddress)
    /// Ask whether anybody still wants the group, or these sources of it.
    case query(group: IPAddress, sources: [IPAddress], suppressesRouterSideProcessing: Bool)
}
