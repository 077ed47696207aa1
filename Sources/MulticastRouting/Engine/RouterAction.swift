import ControlProtocol
import Wire

/// What the engine wants done, in order.
package enum RouterAction: Sendable, Equatable {
    /// Raw IP protocol 2: TTL 1, Router Alert, type of service 0xC0.
    case sendIGMP(message: [UInt8], interface: InterfaceIndex, destination: IPv4Address)
    /// Raw IP protocol 103: TTL 1, type of service 0xC0.
    case sendPIM(message: [UInt8], interface: InterfaceIndex, destination: IPv4Address)

    /// Give the interface a virtual interface; harmless where it has one. Answered by `virtualInterfaceAdded`.
    case addVIF(InterfaceIndex)
    /// No installed entry names the interface any more: its number may be used again.
    case removeVIF(InterfaceIndex)
    /// Answered by `programmed`.
    case program(ForwardingBatch)

    /// Answered by `routeResolved`, now or later.
    case resolveRoute(source: IPAddress)
    /// Answered by `neighborResolved`.
    case resolveNeighbor(InterfaceIndex, IPAddress)

    /// The kernel's table reflects the owner's feed up to here.
    case applied(owner: String, FeedPosition)
    /// The owner's feed has a hole; it must send a snapshot.
    case feedRefused(owner: String, OwnerProblem)
    /// How many ask for trees that the owner sends.
    case demand(owner: String, [TreeDemand])

    /// For `watch` and the log.
    case event(RouterEvent)
}

/// Why an owner's message was not taken.
package enum OwnerProblem: Error, Sendable, Equatable {
    case feed(FeedError)
    case tooManyOwners(limit: Int)
}
