import CSystemShims
import Glibc
import LinuxIO
import Wire

/// What happened to a forwarding cache, whoever did it.
package enum ForwardingCacheEvent: Hashable, Sendable {
    /// An entry was added or replaced; unresolved when packets of a new flow wait for one.
    case set(InstalledEntry)
    case removed(InstalledEntry)
    /// What the routing socket's owner was told: the kind of struct igmpmsg, and the VIF it is about.
    case upcall(ForwardingKey, type: UInt32, virtualInterface: VirtualInterface?, table: UInt32)
    /// Events were lost: dump the cache.
    case resync
}

/// Hears of every change of the forwarding caches of all tables, and if asked of upcalls, without owning a routing
/// socket.
package final class ForwardingCacheMonitor {
    private static let eventsPerReceive = 32

    private let netlink: NetlinkSocket
    private var buffer = [mrp_mfc_event](repeating: mrp_mfc_event(), count: eventsPerReceive)

    package init(includingUpcalls: Bool = false) throws(SystemError) {
        var groups = [mrp_mfc_notification_group(CInt(mrp_mfc_group_entries))]
        if includingUpcalls { groups.append(mrp_mfc_notification_group(CInt(mrp_mfc_group_upcalls))) }
        netlink = try NetlinkSocket(groups: groups)
    }

    /// Calls `handler` on `loop` with every event, in order.
    package func start(
        on loop: EventLoop, handler: @escaping (ForwardingCacheEvent) -> Void
    ) throws(SystemError) -> EventLoop.Token {
        try loop.add(borrowing: netlink.number) { [self] in for event in receive() { handler(event) } }
    }

    /// The next events, none when nothing waits. An unreadable socket is a loss as well.
    package func receive() -> [ForwardingCacheEvent] {
        let handle = netlink.handle
        do throws(SystemError) {
            let count = try shimCall("recv") { mrp_mfc_events_receive(handle, &buffer, UInt32(buffer.count)) }
            return buffer.prefix(Int(count)).map(ForwardingCacheEvent.init)
        } catch {
            return error.isWouldBlock ? [] : [.resync]
        }
    }
}

extension ForwardingCacheEvent {
    fileprivate init(_ event: mrp_mfc_event) {
        let entry = InstalledEntry(event.entry)
        switch event.kind {
        case UInt32(mrp_mfc_event_set): self = .set(entry)
        case UInt32(mrp_mfc_event_removed): self = .removed(entry)
        default:
            self = .upcall(
                entry.key, type: event.upcall_type, virtualInterface: VirtualInterface(event.upcall_vif),
                table: entry.table)
        }
    }
}
