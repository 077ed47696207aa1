import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import PIM
import Wire

/// One engine with a kernel that does at once what it is told, and remembers it.
struct EngineHarness {
    static let source = IPAddress.v4(IPv4Address(10, 1, 0, 10))
    static let group = IPAddress.v4(IPv4Address(232, 1, 1, 1))
    static let tree = SourceGroup(source: source, group: group)
    static let upstream = InterfaceIndex(1)
    static let lan = InterfaceIndex(2)
    static let lan2 = InterfaceIndex(3)
    static let host = IPv4Address(10, 3, 0, 10)
    static let owner = "replication-point"

    private(set) var engine: RouterEngine
    private(set) var time: RouterTime
    var installed: [SourceGroup: KernelEntry] = [:]
    var virtualInterfaces: Set<InterfaceIndex> = []
    var routes: [IPAddress: RPFRoute] = [
        source: RPFRoute(interface: upstream, neighbor: .v4(IPv4Address(10, 2, 0, 1)))
    ]
    /// Trees whose installation the kernel refuses.
    var refusedTrees: Set<SourceGroup> = []
    /// Whether answers of the kernel wait for `answer()`.
    var holdsAnswers = false
    /// Whether routes are answered only by hand.
    var holdsRoutes = false
    private(set) var heldBatches: [ForwardingBatch] = []
    private(set) var log: [RouterAction] = []
    private var publisher = FeedPublisher<RouterFeedItem>(epoch: "test")

    init(
        _ configuration: RoutingConfiguration = EngineHarness.configuration,
        links: [InterfaceState] = EngineHarness.links,
        kernel: KernelForwardingState = KernelForwardingState(), isStarted: Bool = true
    ) {
        time = RouterTime(now: Instant(nanoseconds: 1_000_000_000), wall: UnixTime(milliseconds: 1_800_000_000_000))
        engine = RouterEngine(configuration: configuration, seed: 7, at: time)
        installed = kernel.entries
        virtualInterfaces = Set(kernel.virtualInterfaces)
        for link in links { handle(.interfaceChanged(link)) }
        if isStarted { handle(.started(kernel)) }
    }

    static var configuration: RoutingConfiguration {
        RoutingConfiguration(interfaces: [
            .init(name: "up", pim: PIMConfiguration()), .init(name: "lan", igmp: MembershipConfiguration()),
            .init(name: "lan2", igmp: MembershipConfiguration()),
        ])
    }

    static var links: [InterfaceState] {
        [
            link(upstream, "up", IPv4Address(10, 2, 0, 2)), link(lan, "lan", IPv4Address(10, 3, 0, 1)),
            link(lan2, "lan2", IPv4Address(10, 4, 0, 1)),
        ]
    }

    static func link(
        _ index: InterfaceIndex, _ name: String, _ address: IPv4Address, isUp: Bool = true
    ) -> InterfaceState {
        InterfaceState(
            index: index, name: name, isUp: isUp,
            addresses: [InterfaceAddress(.v4(address), prefixLength: 24)].compactMap(\.self))
    }

    // MARK: Driving

    mutating func handle(_ input: RouterInput) {
        var actions: [RouterAction] = []
        engine.handle(input, at: time, into: &actions)
        perform(actions)
    }

    mutating func igmp(
        _ packet: [UInt8], on index: InterfaceIndex = EngineHarness.lan, bridgePort: InterfaceIndex? = nil
    ) {
        var actions: [RouterAction] = []
        engine.receiveIGMP(packet.span.bytes, on: index, bridgePort: bridgePort, at: time, into: &actions)
        perform(actions)
    }

    mutating func pim(_ packet: [UInt8], on index: InterfaceIndex) {
        var actions: [RouterAction] = []
        engine.receivePIM(packet.span.bytes, on: index, at: time, into: &actions)
        perform(actions)
    }

    private mutating func perform(_ actions: [RouterAction]) {
        log += actions
        for action in actions {
            switch action {
            case .addVIF(let index):
                virtualInterfaces.insert(index)
                handle(.virtualInterfaceAdded(index, problem: nil))
            case .removeVIF(let index): virtualInterfaces.remove(index)
            case .resolveRoute(let source): if !holdsRoutes { handle(.routeResolved(source: source, routes[source])) }
            case .program(let batch): if holdsAnswers { heldBatches.append(batch) } else { program(batch) }
            default: break
            }
        }
    }

    private mutating func program(_ batch: ForwardingBatch) {
        var failures: [ForwardingFailure] = []
        for change in batch.changes {
            switch change {
            case .install(let entry) where refusedTrees.contains(entry.tree):
                failures.append(ForwardingFailure(tree: entry.tree, problem: "ENOBUFS"))
            case .install(let entry):
                installed[entry.tree] = KernelEntry(incoming: entry.incoming, outgoing: entry.outgoing)
            case .remove(let tree): installed[tree] = nil
            }
        }
        handle(.programmed(batch: batch.number, failures: failures))
    }

    mutating func answer() {
        let batches = heldBatches
        heldBatches = []
        for batch in batches { program(batch) }
    }

    /// Lets time pass, ticking whenever something is due.
    mutating func advance(by duration: Duration) {
        let end = time.now + duration
        while let deadline = engine.nextDeadline(), deadline <= end {
            step(to: max(deadline, time.now))
            handle(.tick)
        }
        step(to: end)
        handle(.tick)
    }

    private mutating func step(to instant: Instant) {
        time.wall = time.wall + (instant - time.now)
        time.now = instant
    }

    mutating func stepCalendar(by duration: Duration) { time.wall = time.wall + duration }

    // MARK: Owners

    mutating func publish(_ items: RouterFeedItem..., owner: String = EngineHarness.owner) {
        if engine.statusDocument(at: time).owners.first(where: { $0.owner == owner })?.epoch == nil {
            handle(.ownerConnected(owner))
            handle(.ownerMessage(owner: owner, publisher.snapshot))
        }
        if let message = publisher.update(upserts: items) { handle(.ownerMessage(owner: owner, message)) }
    }

    /// An owner's whole state in one snapshot.
    mutating func present(_ items: RouterFeedItem..., owner: String = EngineHarness.owner) {
        handle(.ownerConnected(owner))
        handle(
            .ownerMessage(
                owner: owner, .snapshot(position: FeedPosition(epoch: "whole", revision: 1), items: items)))
    }

    mutating func withdraw(_ items: RouterFeedItem..., owner: String = EngineHarness.owner) {
        if let message = publisher.update(removals: items.map(\.key)) {
            handle(.ownerMessage(owner: owner, message))
        }
    }

    func authorization(
        _ subscriber: String = "ann", host: IPv4Address = EngineHarness.host, tree: SourceGroup = EngineHarness.tree,
        mac: MACAddress? = nil, interface: String? = nil, bridgePort: String? = nil, lasting: Duration = .seconds(3600)
    ) -> RouterFeedItem {
        .authorization(
            RouterAuthorization(
                subscriber: subscriber,
                binding: SubscriberBinding(
                    addresses: [.v4(host)], mac: mac, interface: interface, bridgePort: bridgePort),
                tree: tree, expires: time.wall + lasting))
    }

    mutating func join(
        _ host: IPv4Address = EngineHarness.host, on index: InterfaceIndex = EngineHarness.lan,
        tree: SourceGroup = EngineHarness.tree
    ) {
        guard let group = tree.group.v4 else { return }
        igmp(IGMPHostMessage.join(group, source: tree.source?.v4, from: host), on: index)
    }

    mutating func leave(
        _ host: IPv4Address = EngineHarness.host, on index: InterfaceIndex = EngineHarness.lan,
        tree: SourceGroup = EngineHarness.tree
    ) {
        guard let group = tree.group.v4 else { return }
        igmp(IGMPHostMessage.leave(group, source: tree.source?.v4, from: host), on: index)
    }

    // MARK: Looking

    mutating func clearLog() { log = [] }

    /// The kernel's outputs of a tree; nil without an entry.
    func outputs(of tree: SourceGroup = EngineHarness.tree) -> [InterfaceIndex]? { installed[tree]?.outgoing }

    var events: [RouterEvent] {
        log.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    var appliedRevisions: [UInt64] {
        log.compactMap { if case .applied(_, let position) = $0 { position.revision } else { nil } }
    }

    var demands: [Int] {
        log.flatMap { action -> [Int] in
            if case .demand(_, let trees) = action { trees.map(\.outputPorts) } else { [] }
        }
    }
}
