import Clockwork
import ControlProtocol
import LinuxIO
import Synchronization

/// The thread side of a `RouterLink`.
final class RouterLinkWorker {
    private enum State {
        case waiting
        /// `own` was sent.
        case claiming
        /// The router has accepted us; nothing but a snapshot may follow.
        case needsSnapshot
        case feeding
    }

    private static let ownRequest: UInt64 = 1

    private let path: String
    private let owner: String
    private let limits: ControlLimits
    private let loop: EventLoop
    private let flags: LinkFlags
    private let handler: (RouterLinkEvent) -> Void
    private var state = State.waiting
    private var connection: LineConnection?
    private var pause = RouterLink.firstPause
    private var reconnect: EventLoop.Timer?
    private var nextRequest = ownRequest
    /// The request for a packet socket that was sent and is not answered.
    private var deliveryRequest: UInt64?

    init(
        path: String, owner: String, limits: ControlLimits, loop: EventLoop, flags: LinkFlags,
        handler: @escaping (RouterLinkEvent) -> Void
    ) {
        self.path = path
        self.owner = owner
        self.limits = limits
        self.loop = loop
        self.flags = flags
        self.handler = handler
    }

    func run() {
        reconnect = loop.makeTimer { [unowned self] _ in connect() }
        loop.beforeWaiting { [unowned self] in
            requestDelivery()
            guard flags.isFull.exchange(false, ordering: .acquiring), state == .feeding else { return }
            state = .needsSnapshot
            handler(.wantsSnapshot)
        }
        connect()
        do throws(SystemError) {
            try loop.run()
        } catch {
            handler(.disconnected(reason: error.description))
        }
        connection?.close()
    }

    func send(_ message: FeedMessage<RouterFeedItem>) {
        switch (state, message) {
        case (.needsSnapshot, .snapshot): state = .feeding
        case (.feeding, _): break
        case (.waiting, _), (.claiming, _), (.needsSnapshot, _): return
        }
        request(.feed(message: message))
    }

    private func connect() {
        do throws(SystemError) {
            connection = try LineConnection(
                UnixSocket.connect(to: path), on: loop, limits: limits.forClient, acceptsDescriptors: true
            ) { [unowned self] _, event in
                switch event {
                case .line(let line): receive(line)
                case .closed(let reason): ended(reason)
                }
            }
            state = .claiming
            request(.own(owner: owner))
        } catch {
            connection = nil
            retry(reason: "\(path): \(error)")
        }
    }

    private func request(_ body: RouterRequest.Body) {
        do {
            try connection?.send(LineCoding.encode(RouterRequest(id: nextRequest, body: body)))
            nextRequest += 1
        } catch {
            // The router does not read: what waits is worthless by now, a snapshot later says it all.
            connection?.close()
        }
    }

    private func receive(_ line: [UInt8]) {
        do throws(ControlSocketError) {
            let reply = try LineCoding.decode(RouterReply.self, from: line)
            switch reply.body {
            case .done: claimed()
            case .applied(let position):
                pause = RouterLink.firstPause
                handler(.applied(position))
            case .demand(let trees): handler(.demand(trees))
            case .problem(let problem) where reply.id == deliveryRequest:
                deliveryRequest = nil
                handler(.deliveryRefused(problem))
            case .problem(let problem): refused(problem)
            case .delivery(let interface): delivered(interface)
            case .document, .event: break
            }
        } catch {
            // Not our router: another attempt may find it.
            connection?.close()
        }
    }

    // MARK: The packet socket

    private func requestDelivery() {
        guard state == .needsSnapshot || state == .feeding, deliveryRequest == nil,
            flags.wantsDelivery.exchange(false, ordering: .acquiring)
        else { return }
        deliveryRequest = nextRequest
        request(.openDelivery)
    }

    private func delivered(_ interface: String) {
        guard deliveryRequest != nil, let descriptor = connection?.takeDescriptor() else {
            // Not our router, or this process has as many descriptors as it may: another attempt may do better.
            connection?.close()
            return
        }
        deliveryRequest = nil
        handler(.delivery(descriptor, interface: interface))
    }

    // MARK: The claim

    private func claimed() {
        guard state == .claiming else { return }
        state = .needsSnapshot
        handler(.wantsSnapshot)
    }

    /// Whatever was refused, the way back is a new claim and a snapshot; the pause keeps a router that refuses the
    /// snapshot too from being asked in a circle.
    private func refused(_ problem: Problem) {
        handler(.refused(problem))
        connection?.close()
    }

    private func ended(_ reason: LineConnection.CloseReason) {
        connection = nil
        nextRequest = Self.ownRequest
        if deliveryRequest != nil {
            deliveryRequest = nil
            flags.wantsDelivery.store(true, ordering: .releasing)
        }
        guard state != .waiting else { return }
        retry(reason: "\(path): \(reason)")
    }

    private func retry(reason: String) {
        state = .waiting
        handler(.disconnected(reason: reason))
        guard let reconnect else { return }
        loop.setDeadline(reconnect, MonotonicClock.now() + pause)
        pause = min(pause * 2, RouterLink.longestPause)
    }
}
