import Clockwork
import ControlProtocol
import GroupMembership
import PIM
import Wire

/// The router without its sockets: who asks for what (IGMP, PIM), who may have it (admission), which forwarding entries
/// follow, and how the kernel's table gets there.
///
/// Start it thus: every link by `interfaceChanged`, then `started` with what the kernel has. After each input, perform
/// the actions in order and ask for `nextDeadline`.
package struct RouterEngine: Sendable {
    let seed: UInt64
    let startedAt: Instant
    package internal(set) var configuration: RoutingConfiguration
    package internal(set) var counters = RouterCounters()

    var interfaces = InterfaceTable()
    var pim: PIMRouter
    var owners: OwnerTable
    var admission: Admission
    var members = MemberTable()
    var trees: [SourceGroup: TreeState] = [:]
    /// Trees that found the table full, and get their turn when there is room.
    var overflow: Set<SourceGroup> = []
    /// More trees than `overflow` holds have found the table full since the start.
    var isOverflowIncomplete = false
    var routes: SourceRoutes
    var plan: ForwardingPlan
    var replies = PendingReplies()
    var adoptions = DeadlineQueue<SourceGroup>()
    var vifRetries = DeadlineQueue<InterfaceIndex>()

    /// Whether the kernel's tables are known, so that they may be written.
    var hasStarted = false
    /// Whether an interface may be waiting for its virtual interface.
    var wantsVirtualInterfaces = false
    /// Trees whose outputs or input may have changed in this step.
    var dirtyTrees: Set<SourceGroup> = []
    var clock: CalendarWatch

    package init(configuration: RoutingConfiguration, seed: UInt64, at time: RouterTime) {
        self.configuration = configuration
        self.seed = seed
        startedAt = time.now
        pim = PIMRouter(seed: seed)
        owners = OwnerTable(limits: configuration.limits)
        admission = Admission(configuration: configuration)
        routes = SourceRoutes(limit: configuration.limits.sources)
        plan = ForwardingPlan(limits: configuration.limits)
        clock = CalendarWatch(time)
    }

    // MARK: Inputs

    package mutating func handle(
        _ input: RouterInput, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        checkCalendar(at: time, into: &actions)
        switch input {
        case .started(let state): start(with: state, at: time, into: &actions)
        case .interfaceChanged(let state): change(state, at: time, into: &actions)
        case .interfaceRemoved(let index): removeLink(index, at: time, into: &actions)
        case .configurationChanged(let configuration): reconfigure(configuration, at: time, into: &actions)
        case .virtualInterfaceAdded(let index, let problem):
            noteVirtualInterface(index, problem: problem, at: time, into: &actions)
        case .programmed(let batch, let failures): noteAnswer(batch, failures, at: time, into: &actions)
        case .kernelChanged(let tree, let entry): noteChange(of: tree, entry, at: time, into: &actions)
        case .kernelTable(let table): noteTable(table, at: time, into: &actions)
        case .upcall(let upcall): handle(upcall, at: time, into: &actions)
        case .routeResolved(let source, let route): noteRoute(of: source, route)
        case .routesChanged:
            for source in routes.invalidate() { actions.append(.resolveRoute(source: source)) }
        case .neighborResolved(let index, let address, let mac):
            noteNeighbor(address, on: index, mac, at: time, into: &actions)
        case .ownerConnected(let name): connectOwner(name, into: &actions)
        case .ownerDisconnected(let name): disconnectOwner(name, into: &actions)
        case .ownerMessage(let name, let message): apply(message, from: name, at: time, into: &actions)
        case .tick: tick(at: time, into: &actions)
        }
        finish(at: time, into: &actions)
    }

    /// A whole IPv4 packet with an IGMP message, from a raw socket. What is wrong with it is counted.
    package mutating func receiveIGMP(
        _ packet: RawSpan, on index: InterfaceIndex, bridgePort: InterfaceIndex? = nil, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        checkCalendar(at: time, into: &actions)
        var out: [MembershipAction] = []
        if interfaces.routed[index]?.membership?
            .receive(packet, bridgePort: bridgePort, now: time.now, into: &out) == nil
        {
            counters.strayPackets &+= 1
        }
        perform(out, on: index, at: time, into: &actions)
        finish(at: time, into: &actions)
    }

    /// A whole IPv4 packet with a PIM message, from a raw socket. What is wrong with it is counted.
    package mutating func receivePIM(
        _ packet: RawSpan, on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        checkCalendar(at: time, into: &actions)
        var out: [PIMAction] = []
        pim.receive(packet, on: index, now: time.now, into: &out)
        perform(out, at: time, into: &actions)
        finish(at: time, into: &actions)
    }

    /// Neighbours hear that this router goes away; for a shutdown that is not a restart.
    package mutating func stop(at time: RouterTime, into actions: inout [RouterAction]) {
        var out: [PIMAction] = []
        pim.stop(now: time.now, into: &out)
        perform(out, at: time, into: &actions)
    }

    // MARK: Time

    /// When `tick` is due next.
    package mutating func nextDeadline() -> Instant? {
        var deadline: Instant? = .earliest(pim.nextDeadline(), plan.nextDeadline())
        deadline = .earliest(deadline, .earliest(adoptions.nextDeadline(), vifRetries.nextDeadline()))
        for index in interfaces.routedIndices {
            deadline = .earliest(deadline, interfaces.routed[index]?.membership?.nextDeadline())
        }
        if let expiry = admission.authorizations.nextExpiry() {
            deadline = .earliest(deadline, clock.deadline(of: expiry))
        }
        return deadline
    }

    private mutating func tick(at time: RouterTime, into actions: inout [RouterAction]) {
        for index in interfaces.routedIndices {
            var out: [MembershipAction] = []
            interfaces.routed[index]?.membership?.tick(now: time.now, into: &out)
            perform(out, on: index, at: time, into: &actions)
        }
        var out: [PIMAction] = []
        pim.tick(now: time.now, into: &out)
        perform(out, at: time, into: &actions)
        plan.tick(now: time.now)
        tickAdoptions(at: time)
        while let index = vifRetries.popDue(at: time.now) {
            if case .failed = interfaces.routed[index]?.virtualInterface {
                interfaces.routed[index]?.virtualInterface = .absent
                wantsVirtualInterfaces = true
            }
        }
    }

    /// Lets authorizations end, and hold again where the calendar was put back.
    private mutating func checkCalendar(at time: RouterTime, into actions: inout [RouterAction]) {
        if clock.observe(time) {
            counters.clockSteps &+= 1
            admission.authorizations.restoreExpiries()
            admission.unicastMembers.reconsiderAll()
            for group in members.allGroups { judge(group, at: time, into: &actions) }
        }
        for (group, hosts) in admission.expire(at: time.wall) {
            judge(group, hosts, at: time, into: &actions)
            reconsiderAdoptions(of: group, at: time)
        }
        judgeUnicastMembers(at: time, into: &actions)
    }

    // MARK: The end of every step

    private mutating func finish(at time: RouterTime, into actions: inout [RouterAction]) {
        var settled: Set<SourceGroup> = []
        while !dirtyTrees.isEmpty {
            let dirty = dirtyTrees.sorted()
            dirtyTrees.removeAll(keepingCapacity: true)
            for tree in dirty { settle(tree, at: time, into: &actions) }
            if !replies.isEmpty { settled.formUnion(dirty) }
        }
        guard hasStarted else { return }
        if let batch = plan.makeBatch(now: time.now) { actions.append(.program(batch)) }
        releaseVirtualInterfaces(into: &actions)
        addVirtualInterfaces(at: time, into: &actions)
        guard !replies.isEmpty else { return }
        replies.assign(settled.filter { plan.isUnderWay($0) })
        for (owner, position) in replies.takeDue(isUnderWay: plan.isUnderWay) {
            actions.append(.applied(owner: owner, position))
        }
    }
}
