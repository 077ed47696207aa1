import Clockwork
import Glibc
import LinuxIO
import LiveProxy
import MediaFixtures
import MediaIO
import Netlink
import Testing
import Wire

/// Whether this process may make network namespaces (as root, or inside `unshare --user --map-root-user --net`).
private let canMakeNamespaces =
    (try? Privileges.effective().contains([.systemAdministration, .networkAdministration])) == true

extension Trait where Self == ConditionTrait {
    static var needsNamespaces: Self {
        .enabled(if: canMakeNamespaces, "needs CAP_SYS_ADMIN and CAP_NET_ADMIN: run it as root or by scripts/test")
    }
}

/// A proxy and a viewer in namespaces of their own, one veth pair between them; all gone when this is.
///
/// Synchronous, so that the test's thread cannot change while it visits a namespace.
final class MediaStreet {
    static let group = IPAddress.v4(IPv4Address(232, 7, 7, 7))
    static let source = IPAddress.v4(IPv4Address(10, 77, 0, 1))
    static let viewer = IPAddress.v4(IPv4Address(10, 77, 0, 2))

    private let home: FileDescriptor
    private let proxySide: FileDescriptor
    private let viewerSide: FileDescriptor
    let proxyInterface: InterfaceIndex
    let viewerInterface: InterfaceIndex

    init() throws {
        let home = try NetworkNamespace.current()
        defer { try? NetworkNamespace.enter(home) }
        try NetworkNamespace.enterNew()
        let viewerSide = try NetworkNamespace.current()
        try NetworkNamespace.enterNew()
        let proxySide = try NetworkNamespace.current()
        let proxy = try NetworkConfiguration()
        try proxy.addVethPair("proxy0", "viewer0")
        let far = try #require(try proxy.link(named: "viewer0"))
        try proxy.move(far.index, to: viewerSide)
        let near = try #require(try proxy.link(named: "proxy0"))
        try proxy.add(Self.source, prefixLength: 24, to: near.index)
        try proxy.setUp(near.index)
        proxyInterface = near.index
        try NetworkNamespace.enter(viewerSide)
        let viewer = try NetworkConfiguration()
        let moved = try #require(try viewer.link(named: "viewer0"))
        try viewer.add(Self.viewer, prefixLength: 24, to: moved.index)
        try viewer.setUp(moved.index)
        viewerInterface = moved.index
        self.home = try NetworkNamespace.current()
        self.viewerSide = viewerSide
        self.proxySide = proxySide
    }

    func atProxy<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result { try inside(proxySide, body) }
    func atViewer<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result { try inside(viewerSide, body) }

    private func inside<Result: ~Copyable>(
        _ namespace: borrowing FileDescriptor, _ body: () throws -> Result
    ) throws -> Result {
        let before = try NetworkNamespace.current()
        try NetworkNamespace.enter(namespace)
        defer { try? NetworkNamespace.enter(before) }
        return try body()
    }

    func output(port: UInt16) -> RenditionOutput {
        RenditionOutput(source: Self.source, group: Self.group, port: port, interface: proxyInterface)
    }

    func subscription(port: UInt16) -> MediaReceiver.Subscription {
        MediaReceiver.Subscription(group: Self.group, source: Self.source, port: port, interface: viewerInterface)
    }
}

/// Runs a loop until `isDone`, asked after each round and every 5 ms, or until time is up.
func run(_ loop: EventLoop, atMost limit: Duration, until isDone: @escaping () -> Bool) throws -> Bool {
    let end = MonotonicClock.now() + limit
    var finished = false
    var timer: EventLoop.Timer?
    timer = loop.makeTimer { now in
        finished = isDone()
        if finished || now >= end { return loop.stop() }
        if let timer { loop.setDeadline(timer, now + .milliseconds(5)) }
    }
    if let timer { loop.setDeadline(timer, MonotonicClock.now()) }
    try loop.run()
    return finished
}

/// Waits for what the sending thread answers.
func answer<Value: Sendable>(_ ask: (@escaping @Sendable (Value) -> Void) -> Void) throws -> Value {
    let box = AnswerBox<Value>()
    ask { box.fill($0) }
    return try #require(box.wait(), "the sending thread did not answer")
}

/// One value from another thread, by a pipe that wakes the waiter.
private final class AnswerBox<Value: Sendable>: @unchecked Sendable {
    // The value is written before the semaphore is raised and read after it was taken.
    private var value: Value?
    private let semaphore: UnsafeMutablePointer<sem_t> = .allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }
    deinit { semaphore.deallocate() }

    func fill(_ value: Value) {
        self.value = value
        sem_post(semaphore)
    }

    func wait() -> Value? {
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += 10
        return sem_timedwait(semaphore, &limit) == 0 ? value : nil
    }
}

extension MediaSender {
    func allReports() throws -> [MediaStreamID: RenditionReport] { try answer { reports($0) } }
    func removed(_ id: MediaStreamID) throws -> RenditionReport? { try answer { remove(id, completion: $0) } }
}

func freshState(_ seed: UInt64 = 1) -> RenditionState {
    var generator = SeededGenerator(seed: seed)
    return RenditionState(using: &generator, now: MonotonicClock.now(), wallNow: WallClock.now())
}
