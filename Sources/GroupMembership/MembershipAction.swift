import Wire

/// What a `MembershipInterface` asks of whoever drives it; performed in order.
package enum MembershipAction: Sendable, Equatable {
    /// Send an IGMP payload, checksum included, to `destination` on the interface with TTL 1, the Router Alert option
    /// and type of service 0xC0 (RFC 3376 §4).
    case send(query: [UInt8], destination: IPv4Address)
    /// The host's record of this group on this port appeared, changed what it says, or went.
    case changed(group: IPAddress, port: OutputPort, host: IPAddress)
    /// Another router queries now, or nil: this one does.
    case querierChanged(IPAddress?)
}
