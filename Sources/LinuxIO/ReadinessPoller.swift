import CSystemShims
import Glibc

/// Says which of very many connections can be written to again, or have ended. Each is reported once a change (EPOLLET), so
/// nothing is called for one that keeps up. Nest its `descriptor` in an event loop.
package struct ReadinessPoller: ~Copyable {
    package struct Event {
        /// As given to `add`.
        package let name: UInt64
        package let isWritable: Bool
        /// The other end has closed its side, or the connection failed.
        package let hasEnded: Bool
    }

    private static let eventsPerWait = 256

    package let descriptor: FileDescriptor
    private let events: UnsafeMutableBufferPointer<epoll_event>

    package init() throws(SystemError) {
        descriptor = FileDescriptor(owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        events = .allocate(capacity: Self.eventsPerWait)
    }

    deinit { events.deallocate() }

    package func add(_ number: CInt, name: UInt64) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        event.data.u64 = name
        let poller = descriptor.number
        try systemCall("epoll_ctl") { epoll_ctl(poller, EPOLL_CTL_ADD, number, &event) }
    }

    /// Before `number` is closed: where a duplicate lives on, it would go on being reported.
    package func remove(_ number: CInt) {
        _ = epoll_ctl(descriptor.number, EPOLL_CTL_DEL, number, nil)
    }

    /// Hands over what has happened, without waiting.
    package func poll(_ body: (Event) -> Void) {
        let poller = descriptor.number
        var count = 0
        repeat {
            count = Int(max(0, epoll_wait(poller, events.baseAddress, CInt(Self.eventsPerWait), 0)))
            for index in 0..<count {
                let flags = events[index].events
                body(
                    Event(
                        name: events[index].data.u64, isWritable: flags & EPOLLOUT.rawValue != 0,
                        hasEnded: flags & (EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLRDHUP.rawValue) != 0))
            }
        } while count == Self.eventsPerWait
    }
}
