import Clockwork
import ControlProtocol
import LinuxIO
import Synchronization

/// What a role hears of its router.
package enum RouterLinkEvent: Sendable, Hashable {
    /// Connected and accepted as owner: send a snapshot. Changes sent before it are dropped.
    case wantsSnapshot
    /// The kernel's table reflects the feed up to here.
    case applied(FeedPosition)
    /// How many ask for the local trees.
    case demand([TreeDemand])
    case refused(Problem)
    /// Answers `openDelivery`: what the router copies to `interface` arrives here; for a `DeliverySocket`, which takes a
    /// duplicate (`descriptor.descriptor.duplicate()`). It goes on working when the link and the router are gone.
    case delivery(SharedDescriptor, interface: String)
    /// Answers `openDelivery`: there is none, by the problem's code because no interface is configured for it
    /// (`no-delivery-interface`) or because it could not be opened (`delivery-failed`). The link goes on.
    case deliveryRefused(Problem)
    case disconnected(reason: String)
}

/// A role's connection to the router on its host: connects, claims its entries, reconnects with a growing pause.
///
/// It runs on a thread of its own, so an asynchronous program and its loops never wait for it; events are delivered on
/// that thread. It keeps no state of the role: whenever the router may have missed something it asks for a snapshot.
package final class RouterLink: Sendable {
    /// Messages that wait for the link's thread; when there are more, the link starts over with a snapshot.
    package static let queueLimit = 4_096
    package static let firstPause = Duration.milliseconds(50)
    package static let longestPause = Duration.seconds(2)

    private let mailbox: Mailbox<FeedMessage<RouterFeedItem>>
    private let remote: LoopRemote
    private let flags: LinkFlags

    /// - Parameters:
    ///   - owner: whose entries these are: `live-proxy`, `replication-point` or `operator`.
    ///   - handler: called on the link's thread; it must not wait.
    package init(
        path: String, owner: String, limits: ControlLimits = .standard,
        handler: @escaping @Sendable (RouterLinkEvent) -> Void
    ) throws(SystemError) {
        let flags = LinkFlags()
        // Made here and used by the thread alone from its first instruction on: a hand-over, not a sharing.
        nonisolated(unsafe) let loop = try EventLoop()
        nonisolated(unsafe) let worker = RouterLinkWorker(
            path: path, owner: owner, limits: limits, loop: loop, flags: flags, handler: handler)
        mailbox = loop.mailbox(limit: Self.queueLimit) { worker.send($0) }
        remote = loop.remote
        self.flags = flags
        let thread = try SystemThread(name: "router-link") {
            worker.run()
        }
        _ = consume thread
    }

    /// Queues `message`; never waits. When the queue is full the link starts over with a request for a snapshot.
    package func send(_ message: FeedMessage<RouterFeedItem>) {
        guard !mailbox.send(message) else { return }
        flags.isFull.store(true, ordering: .releasing)
        remote.wakeUp()
    }

    /// Asks for a packet socket on the far end of the router's delivery interface; never waits. Answered once by
    /// `.delivery` or `.deliveryRefused`, by a router that comes later if need be; several calls before the answer are
    /// one. Call it at the start, and again whenever the socket has failed (`DeliverySocket.receive` threw): a router that
    /// restarts is no reason. Independent of the feed: datagrams come for the trees that have a `UnicastMember`.
    package func openDelivery() {
        flags.wantsDelivery.store(true, ordering: .releasing)
        remote.wakeUp()
    }

    /// Ends the link; the router keeps the owner's entries until they expire.
    package func stop() {
        remote.stop()
    }
}

/// Set by any thread, taken back by the link's.
final class LinkFlags: Sendable {
    /// A sender found the queue full.
    let isFull = Atomic(false)
    /// A packet socket is asked for.
    let wantsDelivery = Atomic(false)
}
