import CSystemShims
import Glibc
import LinuxIO
import Wire

/// What changed in the namespace's network.
package enum NetworkEvent: Hashable, Sendable {
    /// A link is new, or its name, state, MTU or bridge changed.
    case linkSet(NetworkLink)
    case linkRemoved(InterfaceIndex)
    case addressSet(InterfaceAddress)
    case addressRemoved(InterfaceAddress)
    /// Some route or rule changed: look up again what depends on one.
    case routesChanged
    /// Events were lost: dump links and addresses, and look routes up again.
    case resync
}

/// Hears of links, addresses and routes. Open it before the first dump, so that nothing falls between the two.
package final class NetworkMonitor {
    private static let eventsPerReceive = 64

    private let handle: OpaquePointer
    private var buffer = [mrp_network_event](repeating: mrp_network_event(), count: eventsPerReceive)

    package init() throws(SystemError) {
        var opened: OpaquePointer?
        try shimCall("netlink") { mrp_network_monitor_open(&opened) }
        guard let opened else { throw SystemError(call: "netlink", errno: ENOMEM) }
        handle = opened
    }

    deinit { mrp_network_monitor_close(handle) }

    /// Calls `handler` on `loop` with every event, in order.
    package func start(
        on loop: EventLoop, handler: @escaping (NetworkEvent) -> Void
    ) throws(SystemError) -> EventLoop.Token {
        try loop.add(borrowing: mrp_network_monitor_descriptor(handle)) { [self] in
            for event in receive() { handler(event) }
        }
    }

    /// The next events, none when nothing waits. An unreadable socket is a loss as well.
    package func receive() -> [NetworkEvent] {
        do throws(SystemError) {
            let count = try shimCall("recv") { mrp_network_monitor_receive(handle, &buffer, UInt32(buffer.count)) }
            return buffer.prefix(Int(count)).compactMap(NetworkEvent.init)
        } catch {
            return error.isWouldBlock ? [] : [.resync]
        }
    }
}

extension NetworkEvent {
    fileprivate init?(_ event: mrp_network_event) {
        switch event.kind {
        case UInt32(mrp_network_link_set): self = .linkSet(NetworkLink(event.link))
        case UInt32(mrp_network_link_removed): self = .linkRemoved(InterfaceIndex(event.link.ifindex))
        case UInt32(mrp_network_address_set):
            guard let address = InterfaceAddress(event.address) else { return nil }
            self = .addressSet(address)
        case UInt32(mrp_network_address_removed):
            guard let address = InterfaceAddress(event.address) else { return nil }
            self = .addressRemoved(address)
        default: self = .routesChanged
        }
    }
}
