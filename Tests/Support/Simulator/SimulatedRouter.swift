import Clockwork
import ControlProtocol
import MulticastRouting
import Wire

/// One router of the network: the engine, a shell that does what it says, and the kernel below.
struct SimulatedRouter {
    struct Port {
        let name: String
        let link: Int
        let address: IPv4Address
        /// Changes when the interface goes and comes back; nil while it is gone.
        var index: InterfaceIndex?
        var isUp = true

        var state: InterfaceState? {
            index.map { index in
                InterfaceState(
                    index: index, name: name, isUp: isUp,
                    addresses: [InterfaceAddress(.v4(address), prefixLength: 24)].compactMap(\.self))
            }
        }
    }

    /// The way to the source: the port and the next hop; nil at the router that sends it.
    struct Upstream {
        var port: String
        var neighbor: IPv4Address
    }

    let number: Int
    let name: String
    let configuration: RoutingConfiguration
    let upstream: Upstream?
    var ports: [Port]
    var kernel: SimulatedKernel
    var owner: SimulatedOwner?
    /// How far the calendar is from everybody else's.
    var calendarOffset = Duration.zero
    /// How long the shell takes to program a batch.
    var programDelay = Duration.zero
    private(set) var engine: RouterEngine?
    private(set) var engineStarted = Instant.zero
    /// Counters when they were looked at last.
    var seenCounters: [String: UInt64] = [:]
    private(set) var deadline: Instant?
    /// Virtual interface numbers the shell does not give away: entries may still hold their bits.
    private var quarantine: [InterfaceIndex: Int] = [:]
    private var nextIndex: UInt32 = 1

    init(
        number: Int, name: String, configuration: RoutingConfiguration, upstream: Upstream?, ports: [Port],
        owner: SimulatedOwner?, fault: Fault
    ) {
        self.number = number
        self.name = name
        self.configuration = configuration
        self.upstream = upstream
        self.ports = ports
        self.owner = owner
        kernel = SimulatedKernel(fault: fault)
        for index in ports.indices { self.ports[index].index = takeIndex() }
    }

    var isRunning: Bool { engine != nil }

    func wall(at now: Instant) -> UnixTime {
        UnixTime(milliseconds: 1_800_000_000_000) + .nanoseconds(now.nanoseconds) + calendarOffset
    }

    func time(at now: Instant) -> RouterTime { RouterTime(now: now, wall: wall(at: now)) }

    mutating func takeIndex() -> InterfaceIndex {
        defer { nextIndex += 1 }
        return InterfaceIndex(nextIndex)
    }

    func port(named name: String) -> Port? { ports.first { $0.name == name } }
    func port(_ index: InterfaceIndex) -> Port? { ports.first { $0.index == index } }

    // MARK: Life

    /// What the engine is told when it starts.
    mutating func boot(seed: UInt64, now: Instant) -> [RouterInput] {
        engine = RouterEngine(configuration: configuration, seed: seed, at: time(at: now))
        engineStarted = now
        seenCounters = [:]
        quarantine = [:]
        let links = ports.compactMap(\.state).map(RouterInput.interfaceChanged)
        let known = kernel.virtualInterfaces.values.sorted()
        return links + [.started(KernelForwardingState(virtualInterfaces: known, entries: kernel.dump))]
    }

    mutating func kill(keepsSockets: Bool) {
        engine = nil
        deadline = nil
        owner?.noteRestart()
        if !keepsSockets { kernel.reset() }
    }

    // MARK: Engine

    mutating func handle(_ input: RouterInput, at now: Instant) -> [RouterAction] {
        var actions: [RouterAction] = []
        let time = time(at: now)
        engine?.handle(input, at: time, into: &actions)
        deadline = engine?.nextDeadline()
        return actions
    }

    mutating func receive(_ packet: [UInt8], on index: InterfaceIndex, at now: Instant) -> [RouterAction] {
        var actions: [RouterAction] = []
        let time = time(at: now)
        switch packet.count > 9 ? packet[9] : 0 {
        case 2:
            // Without a virtual interface the kernel hands no IGMP up.
            guard kernel.number(of: index) != nil else { return [] }
            engine?.receiveIGMP(packet.span.bytes, on: index, at: time, into: &actions)
        case 103: engine?.receivePIM(packet.span.bytes, on: index, at: time, into: &actions)
        default: break
        }
        deadline = engine?.nextDeadline()
        return actions
    }

    // MARK: Shell

    /// Gives the interface a number that no entry can hold the bit of.
    mutating func addVIF(_ index: InterfaceIndex) -> RouterInput {
        guard port(index) != nil else { return .virtualInterfaceAdded(index, problem: "ENODEV") }
        if kernel.number(of: index) != nil { return .virtualInterfaceAdded(index, problem: nil) }
        let taken = Set(kernel.virtualInterfaces.keys).union(quarantine.values)
        guard let number = (0..<32).first(where: { !taken.contains($0) }) else {
            return .virtualInterfaceAdded(index, problem: "ENFILE")
        }
        kernel.addVIF(number, index)
        return .virtualInterfaceAdded(index, problem: nil)
    }

    mutating func removeVIF(_ index: InterfaceIndex) {
        if let number = kernel.number(of: index) { kernel.removeVIF(number) }
        quarantine[index] = nil
    }

    /// The device of a port is gone; its number stays set aside until the engine gives it back.
    mutating func unplug(_ name: String) -> RouterInput? {
        guard let place = ports.firstIndex(where: { $0.name == name }), let index = ports[place].index else {
            return nil
        }
        ports[place].index = nil
        if let number = kernel.number(of: index) {
            kernel.removeVIF(number)
            quarantine[index] = number
        }
        return .interfaceRemoved(index)
    }

    mutating func plug(_ name: String) -> RouterInput? {
        guard let place = ports.firstIndex(where: { $0.name == name }), ports[place].index == nil else { return nil }
        ports[place].index = takeIndex()
        ports[place].isUp = true
        return ports[place].state.map(RouterInput.interfaceChanged)
    }

    mutating func setUp(_ name: String, _ isUp: Bool) -> RouterInput? {
        guard let place = ports.firstIndex(where: { $0.name == name }), ports[place].index != nil,
            ports[place].isUp != isUp
        else { return nil }
        ports[place].isUp = isUp
        return ports[place].state.map(RouterInput.interfaceChanged)
    }

    func route() -> RPFRoute? {
        guard let upstream, let port = port(named: upstream.port), let index = port.index, port.isUp else { return nil }
        return RPFRoute(interface: index, neighbor: .v4(upstream.neighbor))
    }

    /// Makes the changes; those that fail are told.
    mutating func program(
        _ batch: ForwardingBatch, failing: (SourceGroup) -> Bool
    ) -> (answer: RouterInput, changed: [SourceGroup]) {
        var failures: [ForwardingFailure] = []
        var changed: [SourceGroup] = []
        for change in batch.changes {
            if failing(change.tree) {
                failures.append(ForwardingFailure(tree: change.tree, problem: "ENOBUFS"))
                continue
            }
            switch change {
            case .install(let entry):
                if kernel.install(entry) {
                    changed.append(entry.tree)
                } else {
                    failures.append(ForwardingFailure(tree: entry.tree, problem: "ENFILE"))
                }
            case .remove(let tree):
                kernel.remove(tree)
                changed.append(tree)
            }
        }
        return (.programmed(batch: batch.number, failures: failures), changed)
    }
}

/// An IPv4 header before a PIM payload, as the kernel puts it there.
enum PIMPacketHeader {
    static func packet(_ payload: [UInt8], from source: IPv4Address, to destination: IPv4Address) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: 20 + payload.count)
        writer.write(UInt8(0x45))
        writer.write(UInt8(0xC0))
        writer.write(UInt16(truncatingIfNeeded: 20 + payload.count))
        writer.write(UInt32(0))
        writer.write(UInt8(1))
        writer.write(UInt8(103))
        writer.write(UInt16(0))
        writer.write(source.rawValue)
        writer.write(destination.rawValue)
        return writer.bytes + payload
    }
}
