import Clockwork
import ControlProtocol
import LiveProxy
import MulticastRouting
import Wire

/// A whole network of router cores in virtual time: one seed decides everything that happens.
package struct Simulation {
    enum Event {
        case packet([UInt8], to: SimulatedLink.Attachment)
        case feed(router: Int, life: Instant, FeedMessage<RouterFeedItem>)
        case connectOwner(router: Int)
        case program(router: Int, life: Instant, ForwardingBatch)
        case input(router: Int, life: Instant, RouterInput)
        case media
        case dump(router: Int)
        case expireUnresolved
        case boot(router: Int)
        case plug(router: Int, port: String)
        case linkUp(router: Int, port: String)
        case quiet(link: Int)
        case rogueEnds
        case appear(host: Int, SourceGroup)
        case role(RoleEvent)
    }

    let options: SimulationOptions
    var generator: SeededGenerator
    var now = Instant.zero
    var events = EventQueue<Event>()
    var routers: [SimulatedRouter]
    var hosts: [SimulatedHost]
    var links: [SimulatedLink]
    /// How many ports the proxy was told each tree has; it sends those that have one.
    var demand: [SourceGroup: Int] = [:]
    var isRogueSending = false
    /// Whether new trouble (loss, refusals of the kernel) is made.
    var isCalm = false
    var hash = TraceHash()
    var report: SimulationReport
    var justification = Justification()
    /// Nil where the run plays the owners itself.
    var roles: RolePlane?
    var roleTicks: [RolePlane.Role: Instant] = [:]
    /// Who waits for the answer to a request.
    var requesters: [UInt64: Int] = [:]
    /// Every tree that was ever sent on purpose.
    var knownTrees: Set<SourceGroup>
    /// Links that carried each tree in this round of packets.
    var carried: Set<LinkUse> = []
    /// When each tree last came to the far end of a delivery interface.
    var lastDelivered: [LinkUse: Instant] = [:]
    private var failuresInRow = 0
    private var boots: UInt64 = 0

    static let mediaInterval = Duration.milliseconds(500)
    /// More than a run can need; what loops is found by it.
    private static let maximumEvents = 400_000

    package init(_ options: SimulationOptions) {
        self.options = options
        generator = SeededGenerator(seed: options.seed)
        hosts = MetroNetwork.viewers(using: &generator)
        links = MetroNetwork.links(viewers: hosts)
        routers = MetroNetwork.routers(fault: options.fault, areOwnersPlayed: options.cast == .routers)
        knownTrees = options.cast == .routers ? Set(MetroNetwork.trees) : []
        if options.cast == .system { roles = RolePlane(viewerCount: hosts.count) }
        report = SimulationReport(seed: options.seed, hash: 0)
        for index in routers.indices where Bool.random(using: &generator) {
            routers[index].programDelay = generator.duration(upTo: .milliseconds(20))
        }
    }

    /// Plays the run to its end and tells what did not hold.
    package static func run(_ options: SimulationOptions) -> SimulationReport {
        var simulation = Simulation(options)
        switch options.cast {
        case .routers: simulation.play()
        case .system: simulation.playSystem()
        }
        simulation.report.hash = simulation.hash.value
        simulation.report.ended = simulation.now
        return simulation.report
    }

    // MARK: Time

    var isOver: Bool { report.violations.count >= 5 || report.events > Self.maximumEvents }

    /// Lets everything happen that is due within `duration`.
    mutating func advance(by duration: Duration) {
        let end = now + duration
        while !isOver, let next = nextDeadline(), next <= end {
            now = max(now, next)
            step()
        }
        if report.events > Self.maximumEvents { violate("ends", "more than \(Self.maximumEvents) events") }
        now = max(now, end)
    }

    private mutating func nextDeadline() -> Instant? {
        var deadline = events.nextDeadline()
        // By index: a router is a large value to copy.
        for index in routers.indices { deadline = .earliest(deadline, routers[index].deadline) }
        for index in hosts.indices { deadline = .earliest(deadline, hosts[index].deadline) }
        return deadline
    }

    /// One thing that is due: planned events first, then routers, then hosts.
    private mutating func step() {
        report.events += 1
        if let event = events.popDue(at: now) {
            happen(event)
            return
        }
        for index in routers.indices where routers[index].deadline.map({ $0 <= now }) == true {
            give(.tick, to: index)
            if let deadline = routers[index].deadline, deadline <= now {
                violate("deadlines", "\(routers[index].name) wants to be ticked at \(deadline) again")
            }
            return
        }
        for index in hosts.indices where hosts[index].deadline.map({ $0 <= now }) == true {
            for packet in hosts[index].tick(now: now) { send(packet, from: .host(index), on: hosts[index].segment) }
            return
        }
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .packet(let bytes, let attachment): deliver(bytes, to: attachment)
        case .feed(let router, let life, let message):
            guard routers[router].isRunning, routers[router].engineStarted == life,
                let owner = routers[router].owner, owner.isConnected
            else { return }
            routers[router].owner?.noteDelivery(message, hosts)
            give(.ownerMessage(owner: owner.name, message), to: router)
        case .connectOwner(let router): connectOwner(router)
        case .program(let router, let life, let batch):
            if routers[router].isRunning, routers[router].engineStarted == life { program(batch, at: router) }
        case .input(let router, let life, let input):
            if routers[router].isRunning, routers[router].engineStarted == life { give(input, to: router) }
        case .media: sendMedia()
        case .dump(let router): dump(router)
        case .expireUnresolved:
            for index in routers.indices { routers[index].kernel.expireUnresolved() }
            events.plan(.expireUnresolved, at: now + .seconds(10))
        case .boot(let router): boot(router)
        case .plug(let router, let port):
            if let input = routers[router].plug(port) { give(input, to: router, andRoutes: true) }
        case .linkUp(let router, let port):
            if let input = routers[router].setUp(port, true) { give(input, to: router, andRoutes: true) }
        case .quiet(let link):
            links[link].lossPercent = 0
            links[link].duplicatePercent = 0
            links[link].jitter = .zero
        case .rogueEnds: isRogueSending = false
        case .appear(let host, let tree): join(host, tree)
        case .role(let event): happen(event)
        }
    }

    // MARK: Routers

    mutating func give(_ input: RouterInput, to router: Int, andRoutes: Bool = false) {
        guard routers[router].isRunning else { return }
        perform(routers[router].handle(input, at: now), of: router)
        if andRoutes { give(.routesChanged, to: router) }
        check(router)
    }

    mutating func boot(_ router: Int) {
        guard !routers[router].isRunning else { return }
        trace { "boot \(routers[router].name)" }
        justification.noteBoot(routers[router], at: now)
        boots += 1
        for input in routers[router].boot(seed: options.seed ^ (boots << 8), now: now) {
            perform(routers[router].handle(input, at: now), of: router)
        }
        check(router)
        plan(connecting: router)
    }

    /// The owner of entries at this router finds it in a while.
    mutating func plan(connecting router: Int) {
        guard routers[router].owner != nil else { return }
        events.plan(.connectOwner(router: router), at: now + generator.duration(upTo: .seconds(3)))
    }

    mutating func connectOwner(_ router: Int) {
        guard routers[router].isRunning, let owner = routers[router].owner, !owner.isConnected,
            roles == nil || hasRole(at: router)
        else { return }
        trace { "owner connects to \(routers[router].name)" }
        let snapshot = routers[router].owner?.connect()
        give(.ownerConnected(owner.name), to: router)
        if roles == nil {
            if let snapshot { feed(snapshot, to: router) }
        } else {
            connectRole(to: router)
        }
    }

    /// The owner's connection keeps the order of its messages.
    mutating func feed(_ message: FeedMessage<RouterFeedItem>, to router: Int) {
        events.plan(
            .feed(router: router, life: routers[router].engineStarted, message), at: now + .milliseconds(3))
    }

    private mutating func perform(_ actions: [RouterAction], of router: Int) {
        for action in actions {
            mix(action, router)
            switch action {
            case .sendIGMP(let message, let index, let destination):
                guard let port = routers[router].port(index) else { continue }
                send(
                    HostPacket.igmp(message, from: port.address, to: destination), from: router, through: port)
            case .sendPIM(let message, let index, let destination):
                guard let port = routers[router].port(index) else { continue }
                send(
                    PIMPacketHeader.packet(message, from: port.address, to: destination), from: router, through: port)
            case .addVIF(let index):
                let answer = routers[router].addVIF(index)
                give(answer, to: router)
            case .removeVIF(let index): routers[router].removeVIF(index)
            case .program(let batch):
                let delay = routers[router].programDelay
                if delay == .zero {
                    program(batch, at: router)
                } else {
                    events.plan(
                        .program(router: router, life: routers[router].engineStarted, batch), at: now + delay)
                }
            case .resolveRoute(let source):
                give(.routeResolved(source: source, routers[router].route()), to: router)
            case .resolveNeighbor(let index, let address):
                give(.neighborResolved(index, address, nil), to: router)
            case .applied(_, let position):
                routers[router].owner?.noteApplied(position)
                noteApplied(position, by: router)
            case .feedRefused(let owner, let problem):
                violate("feeds", "\(routers[router].name) refuses the feed of \(owner): \(problem)")
            case .demand(_, let demands):
                for entry in demands { demand[entry.tree] = entry.outputPorts }
                if roles != nil { give(LiveProxyInput.routerDemand(demands)) }
            case .event(let event):
                trace { "\(routers[router].name) \(event)" }
            }
        }
    }

    private mutating func program(_ batch: ForwardingBatch, at router: Int) {
        var failing: Set<SourceGroup> = []
        if !isCalm {
            for change in batch.changes where Int.random(in: 0..<50, using: &generator) == 0 && failuresInRow < 2 {
                failing.insert(change.tree)
            }
        }
        failuresInRow = failing.isEmpty ? 0 : failuresInRow + 1
        let (answer, changed) = routers[router].program(batch) { failing.contains($0) }
        for tree in changed { notify(router, tree) }
        give(answer, to: router)
    }

    /// The kernel tells what its table is now.
    func kernelNotice(_ router: Int, _ tree: SourceGroup) -> RouterInput {
        .kernelChanged(tree, routers[router].kernel.visible(tree))
    }

    mutating func notify(_ router: Int, _ tree: SourceGroup) {
        events.plan(
            .input(router: router, life: routers[router].engineStarted, kernelNotice(router, tree)),
            at: now + .milliseconds(1))
    }

    private mutating func dump(_ router: Int) {
        give(.kernelTable(routers[router].kernel.dump), to: router)
        checkCounters(router)
        events.plan(.dump(router: router), at: now + .seconds(10))
    }

    // MARK: Links

    private mutating func send(_ packet: [UInt8], from router: Int, through port: SimulatedRouter.Port) {
        guard port.isUp else { return }
        send(packet, from: .router(router, interface: port.name), on: port.link)
    }

    mutating func send(_ packet: [UInt8], from sender: SimulatedLink.Attachment, on link: Int) {
        for attachment in links[link].attachments where attachment != sender {
            if options.fault == .lostReports, case .host = sender { continue }
            for arrival in links[link].arrivals(from: now, using: &generator) {
                events.plan(.packet(packet, to: attachment), at: arrival)
            }
        }
    }

    private mutating func deliver(_ packet: [UInt8], to attachment: SimulatedLink.Attachment) {
        switch attachment {
        case .host(let host): hosts[host].hear(packet, now: now, using: &generator)
        case .router(let router, let name):
            guard routers[router].isRunning, let port = routers[router].port(named: name), port.isUp,
                let index = port.index
            else { return }
            perform(routers[router].receive(packet, on: index, at: now), of: router)
            check(router)
        }
    }

    // MARK: Viewers

    mutating func join(_ host: Int, _ tree: SourceGroup) {
        trace { "viewer-\(host) joins \(tree)" }
        for packet in hosts[host].join(tree, now: now, using: &generator) {
            send(packet, from: .host(host), on: hosts[host].segment)
        }
    }

    mutating func leave(_ host: Int, _ tree: SourceGroup) {
        trace { "viewer-\(host) leaves \(tree)" }
        for packet in hosts[host].leave(tree, now: now, using: &generator) {
            send(packet, from: .host(host), on: hosts[host].segment)
        }
    }

    // MARK: Trace

    func trace(_ line: () -> String) {
        guard let trace = options.trace else { return }
        trace("\(now) \(line())")
    }

    mutating func happened(_ what: String) { report.happenings[what, default: 0] += 1 }

    mutating func violate(_ rule: String, _ detail: String) {
        let violation = Violation(rule: rule, detail: detail, time: now)
        trace { "VIOLATION \(violation)" }
        report.violations.append(violation)
    }

    private mutating func mix(_ action: RouterAction, _ router: Int) {
        hash.mix(UInt64(bitPattern: now.nanoseconds))
        hash.mix(UInt64(router))
        switch action {
        case .sendIGMP(let message, let index, _), .sendPIM(let message, let index, _):
            hash.mix(UInt64(index.rawValue))
            hash.mix(message)
        case .program(let batch):
            hash.mix(batch.number)
            for change in batch.changes {
                hash.mix(change.tree)
                guard case .install(let entry) = change else { continue }
                hash.mix(UInt64(entry.incoming.rawValue))
                for output in entry.outgoing { hash.mix(UInt64(output.rawValue)) }
            }
        case .addVIF(let index), .removeVIF(let index): hash.mix(UInt64(index.rawValue))
        case .applied(_, let position): hash.mix(position.revision)
        case .demand(_, let demands):
            for entry in demands {
                hash.mix(entry.tree)
                hash.mix(UInt64(entry.outputPorts))
            }
        case .resolveRoute, .resolveNeighbor, .feedRefused, .event: hash.mix(1)
        }
    }
}
