import Wire

/// What `PIMRouter` wants done or known; perform in order.
package enum PIMAction: Sendable, Equatable {
    /// Send the payload by raw IP protocol 103 with TTL 1 and precedence internetwork control (TOS 0xC0).
    case send(message: [UInt8], interface: InterfaceIndex, destination: IPv4Address)
    case neighborUp(InterfaceIndex, IPAddress)
    case neighborDown(InterfaceIndex, IPAddress)
    /// `isJoined(_:on:)` of this tree has changed.
    case downstreamChanged(SourceGroup, InterfaceIndex)
}
