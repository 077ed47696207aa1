import Clockwork
import ControlProtocol
import MulticastRouting
import Wire

extension Simulation {
    /// Routers start, things happen, the network comes to rest, everybody goes home.
    mutating func play() {
        start()
        for _ in 0..<options.steps where !isOver {
            happenSomething()
            advance(by: generator.duration(upTo: .seconds(2)))
        }
        calmDown()
        advance(by: .seconds(60))
        if !isOver { checkService() }
        goHome()
        advance(by: MetroNetwork.membershipInterval + MetroNetwork.joinHoldtime + .seconds(20))
        if !isOver { checkEmptiness() }
    }

    private mutating func start() {
        events.plan(.media, at: now + Self.mediaInterval)
        events.plan(.expireUnresolved, at: now + .seconds(10))
        for router in routers.indices {
            boot(router)
            events.plan(.dump(router: router), at: now + generator.duration(upTo: .seconds(10)))
        }
        advance(by: .seconds(5))
    }

    // MARK: What may happen

    private mutating func happenSomething() {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<18: joinSomething(isAuthorized: true)
        case 18..<23: watchSomething(isAuthorized: true)
        case 23..<24: keepSomethingWarm()
        case 24..<30: joinSomething(isAuthorized: false)
        case 30..<32: watchSomething(isAuthorized: false)
        case 32..<40: leaveSomething()
        case 40..<44: unwatchSomething()
        case 44..<49: vanishSomebody()
        case 49..<57: authorizeSomething()
        case 57..<65: revokeSomething()
        case 65..<72: disturbLink()
        case 72..<77: restartRouter(keepsSockets: true)
        case 77..<80: restartRouter(keepsSockets: false)
        case 80..<85: flapPort()
        case 85..<89: replacePort()
        case 89..<93: reconnectOwner()
        case 93..<95: stepCalendar()
        case 95..<97: flushEntry()
        default: sendRogueStream()
        }
    }

    mutating func anyHost() -> Int { Int.random(in: hosts.indices, using: &generator) }

    mutating func anyTree() -> SourceGroup {
        MetroNetwork.trees[Int.random(in: MetroNetwork.trees.indices, using: &generator)]
    }

    private mutating func anyRouter() -> Int { Int.random(in: routers.indices, using: &generator) }

    private mutating func joinSomething(isAuthorized: Bool) {
        let host = anyHost()
        let tree = anyTree()
        happened(isAuthorized ? "join" : "join without authorization")
        // The report may come before or after the authorization.
        if isAuthorized {
            let lead = generator.duration(upTo: .milliseconds(20))
            events.plan(.appear(host: host, tree), at: now + lead)
            authorize(host, tree)
        } else {
            join(host, tree)
        }
    }

    private mutating func leaveSomething() {
        guard let host = hosts.filter({ !$0.wants.isEmpty }).randomElement(using: &generator),
            let tree = host.wants.sorted().randomElement(using: &generator)
        else { return }
        happened("leave")
        leave(host.number, tree)
    }

    private mutating func vanishSomebody() {
        let host = anyHost()
        happened("vanish")
        trace { "viewer-\(host) vanishes" }
        hosts[host].vanish(now: now)
    }

    private mutating func authorizeSomething() {
        happened("authorize")
        authorize(anyHost(), anyTree())
    }

    mutating func authorize(_ host: Int, _ tree: SourceGroup) {
        guard let router = point(of: host) else { return }
        let lasting = Duration.seconds(Int64.random(in: 5...600, using: &generator))
        let expires = routers[router].wall(at: now) + lasting
        trace { "viewer-\(host) may have \(tree) for \(lasting)" }
        let item = SimulatedOwner.item(.init(host: host, tree: tree), hosts, expires: expires)
        publish([item], removing: [], at: router)
    }

    private mutating func revokeSomething() {
        let router = MetroNetwork.points[Int.random(in: MetroNetwork.points.indices, using: &generator)]
        let grants = (routers[router].owner?.grants(hosts) ?? [:]).keys.sorted {
            ($0.host, $0.tree) < ($1.host, $1.tree)
        }
        guard let grant = grants.randomElement(using: &generator) else { return }
        happened("revoke")
        trace { "viewer-\(grant.host) may no longer have \(grant.tree)" }
        publish([], removing: [SimulatedOwner.key(grant, hosts)], at: router)
    }

    mutating func publish(_ items: [RouterFeedItem], removing keys: [String], at router: Int) {
        if let message = routers[router].owner?.publish(items, removing: keys) { feed(message, to: router) }
    }

    func point(of host: Int) -> Int? {
        MetroNetwork.points.first { point in routers[point].ports.contains { $0.link == hosts[host].segment } }
    }

    mutating func disturbLink() {
        let link = Int.random(in: links.indices, using: &generator)
        happened("loss")
        links[link].lossPercent = Int.random(in: 0...60, using: &generator)
        links[link].duplicatePercent = Int.random(in: 0...30, using: &generator)
        links[link].jitter = generator.duration(upTo: .milliseconds(300))
        events.plan(.quiet(link: link), at: now + generator.duration(upTo: .seconds(20)))
    }

    mutating func restartRouter(keepsSockets: Bool) {
        let router = anyRouter()
        guard routers[router].isRunning else { return }
        happened(keepsSockets ? "restart with keeper" : "restart")
        trace { "\(routers[router].name) is killed, sockets are \(keepsSockets ? "kept" : "lost")" }
        routers[router].kill(keepsSockets: keepsSockets)
        if roles != nil { noteRouterGone(router) }
        events.plan(.boot(router: router), at: now + generator.duration(upTo: .seconds(3)))
    }

    mutating func flapPort() {
        let router = anyRouter()
        guard let port = routers[router].ports.randomElement(using: &generator),
            let input = routers[router].setUp(port.name, false)
        else { return }
        happened("flap")
        trace { "\(routers[router].name) \(port.name) goes down" }
        give(input, to: router, andRoutes: true)
        events.plan(
            .linkUp(router: router, port: port.name), at: now + generator.duration(upTo: .seconds(5)))
    }

    mutating func replacePort() {
        let router = anyRouter()
        guard let port = routers[router].ports.randomElement(using: &generator),
            let input = routers[router].unplug(port.name)
        else { return }
        happened("replace interface")
        trace { "\(routers[router].name) \(port.name) is gone" }
        give(input, to: router, andRoutes: true)
        events.plan(.plug(router: router, port: port.name), at: now + generator.duration(upTo: .seconds(5)))
    }

    private mutating func reconnectOwner() {
        let router = anyRouter()
        guard let owner = routers[router].owner, owner.isConnected, routers[router].isRunning else { return }
        happened("owner reconnects")
        routers[router].owner?.disconnect()
        give(.ownerDisconnected(owner.name), to: router)
        events.plan(.connectOwner(router: router), at: now + generator.duration(upTo: .seconds(5)))
    }

    /// The calendar of a replication point jumps, as when it finds its time server.
    private mutating func stepCalendar() {
        let router = MetroNetwork.points[Int.random(in: MetroNetwork.points.indices, using: &generator)]
        happened("calendar step")
        routers[router].calendarOffset = .seconds(Int64.random(in: -300...300, using: &generator))
        trace { "\(routers[router].name)'s calendar is \(routers[router].calendarOffset) off" }
        give(.tick, to: router)
    }

    mutating func flushEntry() {
        let router = anyRouter()
        guard let tree = routers[router].kernel.entries.keys.sorted().randomElement(using: &generator) else { return }
        happened("foreign deletion")
        trace { "somebody deletes \(tree) at \(routers[router].name)" }
        routers[router].kernel.flush(tree)
        notify(router, tree)
    }

    mutating func sendRogueStream() {
        happened("rogue stream")
        isRogueSending = true
        events.plan(.rogueEnds, at: now + generator.duration(upTo: .seconds(20)))
    }

    // MARK: The end

    /// No more trouble: what was on its way comes back by itself.
    mutating func calmDown() {
        isCalm = true
        for link in links.indices {
            links[link].lossPercent = 0
            links[link].duplicatePercent = 0
            links[link].jitter = .zero
        }
        trace { "calm" }
    }

    private mutating func goHome() {
        trace { "everybody goes home" }
        for host in hosts.indices {
            for tree in hosts[host].wants.sorted() { leave(host, tree) }
        }
        unwatchEverything()
    }
}
