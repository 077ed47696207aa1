import Clockwork
import ControlProtocol
import Wire

/// The two clocks an input comes with: timers run on the first, authorizations end by the second.
package struct RouterTime: Sendable, Equatable {
    package var now: Instant
    package var wall: UnixTime

    package init(now: Instant, wall: UnixTime) {
        self.now = now
        self.wall = wall
    }
}

/// What happens to a router, except for packets, which `RouterEngine` takes as spans (`receiveIGMP`, `receivePIM`).
package enum RouterInput: Sendable, Equatable {
    /// Once, before anything is programmed: what the kernel's tables hold. Empty for a socket that is new.
    case started(KernelForwardingState)
    /// A link of this host is there or has changed; links nobody configured count too, for their names and addresses.
    case interfaceChanged(InterfaceState)
    case interfaceRemoved(InterfaceIndex)
    case configurationChanged(RoutingConfiguration)

    /// The answer to `addVIF`.
    case virtualInterfaceAdded(InterfaceIndex, problem: String?)
    /// The answer to `program`: the changes that failed; all others were made.
    case programmed(batch: UInt64, failures: [ForwardingFailure])
    /// The kernel says that somebody changed or removed (nil) an entry. Entries still unresolved are not reported.
    case kernelChanged(SourceGroup, KernelEntry?)
    /// The whole forwarding table, read now: refreshes counters and finds what notifications missed.
    case kernelTable([SourceGroup: KernelEntry])
    case upcall(RouterUpcall)

    /// The answer to `resolveRoute`; nil when there is no route.
    case routeResolved(source: IPAddress, RPFRoute?)
    /// Routes or addresses have changed: every answer so far may be wrong.
    case routesChanged
    /// The answer to `resolveNeighbor`, or a change in the kernel's neighbour table.
    case neighborResolved(InterfaceIndex, IPAddress, MACAddress?)

    case ownerConnected(String)
    case ownerDisconnected(String)
    case ownerMessage(owner: String, FeedMessage<RouterFeedItem>)

    /// `nextDeadline` has come.
    case tick
}

/// A packet for which the kernel had no entry, or that came in where its entry does not expect it.
package enum RouterUpcall: Sendable, Equatable {
    case noEntry(SourceGroup, InterfaceIndex)
    case wrongInterface(SourceGroup, InterfaceIndex)
}

/// Where packets of a source come from, by the kernel's unicast routes (reverse path forwarding).
package struct RPFRoute: Sendable, Equatable {
    package var interface: InterfaceIndex
    /// The next hop towards the source; nil when the source is on the link itself.
    package var neighbor: IPAddress?
    /// The source is one of this host's own addresses and `interface` carries it.
    package var isLocal: Bool

    package init(interface: InterfaceIndex, neighbor: IPAddress?, isLocal: Bool = false) {
        self.interface = interface
        self.neighbor = neighbor
        self.isLocal = isLocal
    }
}

/// What a router finds when it starts.
package struct KernelForwardingState: Sendable, Equatable {
    /// Interfaces that have a virtual interface.
    package var virtualInterfaces: [InterfaceIndex]
    package var entries: [SourceGroup: KernelEntry]

    package init(virtualInterfaces: [InterfaceIndex] = [], entries: [SourceGroup: KernelEntry] = [:]) {
        self.virtualInterfaces = virtualInterfaces
        self.entries = entries
    }
}
