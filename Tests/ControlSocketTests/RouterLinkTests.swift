import Clockwork
import ControlProtocol
import ControlSocket
import Glibc
import LinuxIO
import Synchronization
import Testing
import Wire

@Suite struct RouterLinkTests {
    private let path = SocketPath.unique()
    private let tree = SourceGroup(source: .v4(IPv4Address(10, 0, 0, 1)), group: .v4(IPv4Address(232, 0, 0, 1)))

    private func link(_ events: Events) throws -> RouterLink {
        try RouterLink(path: path, owner: "live-proxy") { events.append($0) }
    }

    private func snapshot(_ revision: UInt64) -> FeedMessage<RouterFeedItem> {
        .snapshot(position: FeedPosition(epoch: "e", revision: revision), items: [.localTree(tree: tree)])
    }

    @Test func `the owner is claimed first, then a snapshot is wanted`() throws {
        let router = try FakeRouter(path: path)
        defer { router.stop() }
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        #expect(events.next() == .wantsSnapshot)
        link.send(snapshot(1))
        #expect(events.next() == .applied(FeedPosition(epoch: "e", revision: 1)))
        #expect(router.requests().map(\.body) == [.own(owner: "live-proxy"), .feed(message: snapshot(1))])
    }

    @Test func `changes before the snapshot are dropped`() throws {
        let router = try FakeRouter(path: path)
        defer { router.stop() }
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        #expect(events.next() == .wantsSnapshot)
        link.send(.change(position: FeedPosition(epoch: "e", revision: 5), upserts: [], removals: ["x"]))
        link.send(snapshot(6))
        #expect(events.next() == .applied(FeedPosition(epoch: "e", revision: 6)))
        #expect(router.requests().count == 2)
    }

    @Test func `a router that comes later is found, and one that restarts is fed anew`() throws {
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        guard case .disconnected? = events.next() else { return #expect(Bool(false)) }
        for life in 1...2 {
            let router = try FakeRouter(path: path)
            while let event = events.next(), event != .wantsSnapshot {}
            link.send(snapshot(UInt64(life)))
            #expect(events.next() == .applied(FeedPosition(epoch: "e", revision: UInt64(life))))
            router.stop()
        }
    }

    @Test func `a refused message leads to a new claim and a snapshot`() throws {
        let router = try FakeRouter(path: path, refuses: 13)
        defer { router.stop() }
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        #expect(events.next() == .wantsSnapshot)
        link.send(snapshot(13))
        guard case .refused(let problem)? = events.next() else { return #expect(Bool(false)) }
        #expect(problem.code == "unlucky")
        guard case .disconnected? = events.next() else { return #expect(Bool(false)) }
        #expect(events.next() == .wantsSnapshot)
    }

    @Test func `demand is passed on as it comes`() throws {
        let router = try FakeRouter(path: path, demand: [TreeDemand(tree: tree, outputPorts: 2)])
        defer { router.stop() }
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        #expect(events.next() == .wantsSnapshot)
        #expect(events.next() == .demand([TreeDemand(tree: tree, outputPorts: 2)]))
    }

    @Test func `a packet socket is passed to whoever asks, also before there is a router`() throws {
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        link.openDelivery()
        guard case .disconnected = events.next() else { throw LinkTestError.unexpected }
        let router = try FakeRouter(path: path)
        defer { router.stop() }
        var event = events.next()
        while case .disconnected = event { event = events.next() }
        #expect(event == .wantsSnapshot)
        guard case .delivery(let passed, let interface) = events.next() else { throw LinkTestError.unexpected }
        #expect(interface == "d0")
        #expect(try passed.descriptor.option(SOL_SOCKET, SO_TYPE) == CInt(SOCK_DGRAM.rawValue))
        link.send(snapshot(1))
        #expect(events.next() == .applied(FeedPosition(epoch: "e", revision: 1)))
        #expect(router.requests().count == 3)
    }

    @Test func `a router without a delivery interface says so, and the link goes on`() throws {
        let router = try FakeRouter(path: path, refuses: 0)
        defer { router.stop() }
        let events = Events()
        let link = try link(events)
        defer { link.stop() }
        #expect(events.next() == .wantsSnapshot)
        link.openDelivery()
        guard case .deliveryRefused(let problem) = events.next() else { throw LinkTestError.unexpected }
        #expect(problem.code == "no-delivery-interface")
        link.send(snapshot(1))
        #expect(events.next() == .applied(FeedPosition(epoch: "e", revision: 1)))
    }
}

private enum LinkTestError: Error {
    case unexpected
}

/// What a link reported, to be waited for in order.
private final class Events: Sendable {
    private let queue = Mutex<[RouterLinkEvent]>([])
    private let arrived = Semaphore()

    func append(_ event: RouterLinkEvent) {
        queue.withLock { $0.append(event) }
        arrived.signal()
    }

    /// Nil after ten seconds without an event.
    func next() -> RouterLinkEvent? {
        arrived.wait(seconds: 10) ? queue.withLock { $0.removeFirst() } : nil
    }
}

/// Says yes to everything but one revision, on a thread of its own.
private final class FakeRouter: Sendable {
    private typealias Server = ControlServer<RouterRequest, RouterReply>

    private let log = RequestLog()
    private let remote: LoopRemote
    private let ended = Semaphore()

    init(path: String, refuses: UInt64? = nil, demand: [TreeDemand] = []) throws {
        nonisolated(unsafe) let loop = try EventLoop()
        remote = loop.remote
        let box = ServerBox()
        let log = log
        box.server = try Server(path: path, loop: loop) { [unowned box] event in
            guard case .request(let client, let request) = event else { return }
            log.requests.withLock { $0.append(request) }
            for body in Self.answers(to: request.body, refuses: refuses, demand: demand) {
                var passed: SharedDescriptor?
                if case .delivery = body { passed = Self.anySocket() }
                box.server?.send(RouterReply(id: request.id, body: body), to: client, passing: passed)
            }
        }
        nonisolated(unsafe) let handedOver = box
        let ended = ended
        _ = try SystemThread(name: "fake-router") {
            try? loop.run()
            handedOver.server?.close()
            ended.signal()
        }
    }

    private static func anySocket() -> SharedDescriptor? {
        guard let socket = try? UDPSocket(.v4), let duplicate = try? socket.descriptor.duplicate() else { return nil }
        return SharedDescriptor(duplicate)
    }

    func requests() -> [RouterRequest] { log.requests.withLock { $0 } }

    /// Returns once the socket is closed.
    func stop() {
        remote.stop()
        _ = ended.wait(seconds: 10)
    }

    private static func answers(
        to body: RouterRequest.Body, refuses: UInt64?, demand: [TreeDemand]
    ) -> [RouterReply.Body] {
        switch body {
        case .own: return demand.isEmpty ? [.done] : [.done, .demand(trees: demand)]
        case .feed(let message) where message.position.revision == refuses:
            return [.problem(Problem(code: "unlucky", status: 400, title: "No.", detail: "Not this one."))]
        case .feed(let message): return [.applied(position: message.position)]
        case .openDelivery where refuses == 0:
            return [.problem(Problem(code: "no-delivery-interface", status: 409, title: "None.", detail: "None."))]
        case .openDelivery: return [.delivery(interface: "d0")]
        case .describe, .show, .watch, .explain: return [.done]
        }
    }

    private final class ServerBox {
        var server: Server?
    }

    private final class RequestLog: Sendable {
        let requests = Mutex<[RouterRequest]>([])
    }
}

/// A counting semaphore that gives up.
private final class Semaphore: Sendable {
    // A sem_t must not move, and sem_* are made for several threads.
    private nonisolated(unsafe) let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait(seconds: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        while sem_timedwait(semaphore, &deadline) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }
}
