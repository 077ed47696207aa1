import Clockwork
import ControlProtocol
import KernelMulticast
import LinuxIO
import MRPConfiguration
import MulticastRouting
import Netlink
import Wire

/// The engine with its sockets: performs what the engine decides, feeds back what comes of it, and decides nothing.
///
/// Everything happens on one thread. A handler hands its input to the engine and performs the actions at once, except
/// for changes of the forwarding table: those of a whole round go to the kernel together, before the loop sleeps.
final class RouterShell {
    let loop: EventLoop
    let node: String
    let log: EventLog
    var engine: RouterEngine
    let plane: ForwardingPlane
    let pimSocket: PIMSocket
    let lookup: RouteLookup
    let network: NetworkConfiguration
    let igmpPackets: PacketReceiver
    let pimPackets: PacketReceiver
    let networkMonitor: NetworkMonitor
    let cacheMonitor: ForwardingCacheMonitor
    var links = LinkDirectory()
    var memberships = RouterGroupMemberships()
    var configuration: RouterConfiguration
    var counters = ShellCounters()
    var control: RouterControl?

    private var actions: [RouterAction] = []
    private var inputs: [RouterInput] = []
    private var isDraining = false
    private var batches: [ForwardingBatch] = []
    /// Told after the round's changes are in the kernel: a route that had to be asked for adds some.
    private var confirmations: [(owner: String, position: FeedPosition)] = []
    private var deadline: EventLoop.Timer?
    /// When the forwarding table was read last; asked for by tools, it is read at most so often.
    private var tableReadAt: Instant?
    private var sweep: EventLoop.Timer?

    /// Between two readings of the table that find what notifications missed.
    private static let sweepInterval = Duration.seconds(60)
    /// Counters shown to people are at most so old.
    private static let tableFreshness = Duration.milliseconds(500)
    /// Rounds of programming and answers before the loop gets its turn; more only follow a kernel that refuses.
    private static let programmingRounds = 16

    init(
        configuration: RouterConfiguration, routing: RoutingConfiguration, node: String, plane: ForwardingPlane,
        loop: EventLoop, log: EventLog
    ) throws(SystemError) {
        self.configuration = configuration
        self.node = node
        self.plane = plane
        self.loop = loop
        self.log = log
        engine = RouterEngine(
            configuration: routing, seed: UInt64.random(in: .min ... .max), at: Self.time())
        pimSocket = try PIMSocket()
        lookup = try RouteLookup()
        network = try NetworkConfiguration()
        igmpPackets = try PacketReceiver()
        pimPackets = try PacketReceiver()
        networkMonitor = try NetworkMonitor()
        cacheMonitor = try ForwardingCacheMonitor()
    }

    static func time() -> RouterTime { RouterTime(now: MonotonicClock.now(), wall: WallClock.now()) }

    /// Takes over what the kernel has and begins to serve.
    func start() throws(SystemError) {
        deadline = loop.makeTimer { [unowned self] _ in take(.tick) }
        sweep = loop.makeTimer { [unowned self] _ in
            readTable()
            scheduleSweep()
        }
        loop.beforeWaiting { [unowned self] in settle() }
        try listen()
        makeSourceInterfaces()
        makeDeliveryInterface()
        readNetwork()
        take(.started(try plane.found()))
        scheduleSweep()
        settle()
    }

    private func listen() throws(SystemError) {
        try loop.add(plane.socket.descriptor, .readable) { [unowned self] _ in receiveRoutingMessages() }
        try loop.add(pimSocket.descriptor, .readable) { [unowned self] _ in receivePIM() }
        _ = try networkMonitor.start(on: loop) { [unowned self] in note($0) }
        _ = try cacheMonitor.start(on: loop) { [unowned self] in note($0) }
    }

    private func scheduleSweep() {
        guard let sweep else { return }
        loop.setDeadline(sweep, MonotonicClock.now() + Self.sweepInterval)
    }

    // MARK: Inputs and actions

    /// Hands `input` to the engine and performs what follows.
    func take(_ input: RouterInput) {
        inputs.append(input)
        drain()
    }

    /// Hands a packet to the engine and performs what follows.
    func takePacket(_ receive: (inout RouterEngine, RouterTime, inout [RouterAction]) -> Void) {
        receive(&engine, Self.time(), &actions)
        drain()
    }

    /// Performing an action may cause inputs; they wait until it is done.
    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while true {
            if !actions.isEmpty {
                let due = actions
                actions.removeAll(keepingCapacity: true)
                for action in due { perform(action) }
            } else if !inputs.isEmpty {
                let due = inputs
                inputs.removeAll(keepingCapacity: true)
                for input in due { engine.handle(input, at: Self.time(), into: &actions) }
            } else {
                return
            }
        }
    }

    private func perform(_ action: RouterAction) {
        switch action {
        case .sendIGMP(let message, let interface, let destination):
            send(message, to: destination, on: interface)
        case .sendPIM(let message, let interface, let destination):
            sendPIM(message, to: destination, on: interface)
        case .addVIF(let interface): addVirtualInterface(interface)
        case .removeVIF(let interface): plane.removeVirtualInterface(of: interface)
        case .program(let batch): batches.append(batch)
        case .resolveRoute(let source): resolveRoute(source)
        case .resolveNeighbor(let interface, let address): resolveNeighbor(address, on: interface)
        case .applied(let owner, let position): confirmations.append((owner, position))
        case .feedRefused(let owner, let problem): control?.refuse(problem, of: owner)
        case .demand(let owner, let trees): control?.tell(trees, to: owner)
        case .event(let event): tell(event)
        }
    }

    /// Programs what the round has changed, until nothing more follows from the answers.
    private func settle() {
        for _ in 0..<Self.programmingRounds where !batches.isEmpty {
            let due = batches
            batches.removeAll(keepingCapacity: true)
            for answer in plane.program(due) {
                inputs.append(.programmed(batch: answer.number, failures: answer.failures))
            }
            drain()
        }
        for (owner, position) in confirmations { control?.confirm(position, of: owner) }
        confirmations.removeAll(keepingCapacity: true)
        guard let deadline else { return }
        let next = engine.nextDeadline()
        loop.setDeadline(deadline, batches.isEmpty ? next : MonotonicClock.now())
    }

    /// Takes over a new configuration; the engine finds what differs.
    func adopt(_ new: RouterConfiguration, _ routing: RoutingConfiguration) {
        let old = configuration
        configuration = new
        for interface in old.interfaces where !new.interfaces.contains(where: { $0.name == interface.name }) {
            if let index = links.index(named: interface.name) { memberships.leaveAll(on: index) }
        }
        makeSourceInterfaces()
        makeDeliveryInterface()
        joinRouterGroups()
        take(.configurationChanged(routing))
    }

    // MARK: The table

    /// Reads the kernel's table and lets the engine compare.
    func readTable() {
        do throws(SystemError) {
            take(.kernelTable(try plane.entries()))
            tableReadAt = MonotonicClock.now()
        } catch {
            counters.tableReadFailures &+= 1
            log.write(.warning, "table-unreadable", "\(error)")
        }
    }

    /// Before counters are shown.
    func refreshTable() {
        settle()
        if let tableReadAt, MonotonicClock.now() - tableReadAt < Self.tableFreshness { return }
        readTable()
    }

    private func tell(_ event: RouterEvent) {
        guard control?.isWatched == true || EventLog.writes(event) else { return }
        let document = engine.document(event, at: Self.time())
        control?.publish(document)
        log.write(event, document)
    }

    /// A shutdown for good: neighbours hear of it.
    func sayGoodbye() {
        engine.stop(at: Self.time(), into: &actions)
        drain()
    }
}

/// What the shell itself counts.
struct ShellCounters {
    var unreadableMessages: UInt64 = 0
    var sendFailures: UInt64 = 0
    var tableReadFailures: UInt64 = 0
    var lookupFailures: UInt64 = 0
    /// Notifications were lost, and everything was read anew.
    var resynchronizations: UInt64 = 0
    var refusedReloads: UInt64 = 0
}
