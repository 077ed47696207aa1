import Clockwork
import ControlProtocol
import LiveProxy
import MulticastRouting
import OTTServer
import ReplicationPoint
import Wire

/// What happens between the roles, one message after the other on each connection.
enum RoleEvent {
    case start(RolePlane.Role)
    case dialServer
    case dialProxy(point: Int)
    case keepAlive
    case toServer(OTTServerInput, connection: Int)
    case toProxyFromServer(LiveProxyInput, connection: Int)
    case toProxy(LiveProxyInput, point: Int, connection: Int)
    case toPoint(ReplicationPointInput, point: Int, connection: Int)
    case tick(RolePlane.Role)
    case ask(viewer: Int, wish: Int)
    case request(JoinRequest, viewer: Int)
    case answer(Result<JoinAnswer, Problem>, viewer: Int, request: UInt64)
    case lost(viewer: Int, request: UInt64)
    case openStream(viewer: Int, wish: Int)
}

extension Simulation {
    static let messageDelay = Duration.milliseconds(4)
    private static let redial = Duration.seconds(1)
    private static let keepAliveInterval = Duration.seconds(3)

    mutating func plan(_ event: RoleEvent, after delay: Duration = Simulation.messageDelay) {
        events.plan(.role(event), at: now + delay)
    }

    mutating func happen(_ event: RoleEvent) {
        guard let roles else { return }
        switch event {
        case .start(let role): start(role)
        case .dialServer: dialServer()
        case .dialProxy(let point): dialProxy(point)
        case .keepAlive: keepAlive()
        case .toServer(let input, let connection):
            if roles.serverLink.isOpen, roles.serverLink.number == connection { give(input) }
        case .toProxyFromServer(let input, let connection):
            if roles.serverLink.isOpen, roles.serverLink.number == connection { give(input) }
        case .toProxy(let input, let point, let connection):
            if roles.pointLinks[point].isOpen, roles.pointLinks[point].number == connection { give(input) }
        case .toPoint(let input, let point, let connection):
            if roles.pointLinks[point].isOpen, roles.pointLinks[point].number == connection {
                give(input, toPoint: point)
            }
        case .tick(let role): tick(role)
        case .ask(let viewer, let wish): ask(viewer, wish)
        case .request(let request, let viewer): take(request, from: viewer)
        case .answer(let result, let viewer, let request): take(result, viewer, request)
        case .lost(let viewer, let request): lose(request, of: viewer)
        case .openStream(let viewer, let wish): openStream(viewer, wish)
        }
    }

    // MARK: Processes

    mutating func start(_ role: RolePlane.Role) {
        guard var roles else { return }
        trace { "\(role) starts" }
        roles.lives += 1
        switch role {
        case .server:
            roles.server = OTTServerCore(
                settings: RolePlane.serverSettings, catalogue: RolePlane.catalogue,
                stored: roles.store.keys.sorted().compactMap { roles.store[$0] },
                seed: options.seed ^ (roles.lives << 16), now: now, wallNow: wall)
        case .proxy:
            roles.proxy = LiveProxyCore(
                settings: RolePlane.proxySettings, state: roles.proxyState, life: "life-\(roles.lives)", now: now)
        case .point(let place):
            let router = routers[MetroNetwork.points[place]]
            roles.points[place] = ReplicationPointCore(
                settings: ReplicationPointSettings(registration: RolePlane.registration(ofPoint: place)),
                life: "life-\(roles.lives)", now: now, wallNow: router.wall(at: now))
        }
        self.roles = roles
        switch role {
        case .server: break
        case .proxy:
            let actions = self.roles?.proxy?.start(now: now) ?? []
            perform(actions)
            plan(.dialServer, after: .milliseconds(10))
            plan(connecting: MetroNetwork.proxy)
        case .point(let place):
            plan(.dialProxy(point: place), after: .milliseconds(10))
            plan(connecting: MetroNetwork.points[place])
        }
        planTick(role)
    }

    mutating func kill(_ role: RolePlane.Role) {
        trace { "\(role) is killed" }
        switch role {
        case .server:
            roles?.server = nil
            closeServerLink()
        case .proxy:
            roles?.proxy = nil
            roles?.ingests = [:]
            closeServerLink()
            for place in MetroNetwork.points.indices { closePointLink(place) }
            disconnectOwner(MetroNetwork.proxy)
        case .point(let place):
            roles?.points[place] = nil
            breakStreams(of: place)
            closePointLink(place)
            disconnectOwner(MetroNetwork.points[place])
        }
    }

    func isRunning(_ role: RolePlane.Role) -> Bool {
        switch role {
        case .server: roles?.server != nil
        case .proxy: roles?.proxy != nil
        case .point(let place): roles?.points[place] != nil
        }
    }

    private mutating func closeServerLink() {
        guard roles?.serverLink.isOpen == true else { return }
        roles?.serverLink.isOpen = false
        if roles?.server != nil { give(.feedClosed(proxy: RolePlane.proxyName)) }
        plan(.dialServer, after: Self.redial)
    }

    private mutating func closePointLink(_ place: Int) {
        guard roles?.pointLinks[place].isOpen == true else { return }
        roles?.pointLinks[place].isOpen = false
        if roles?.proxy != nil { give(.feedClosed(point: "point\(place + 1)")) }
        if roles?.points[place] != nil { give(.proxyDisconnected, toPoint: place) }
        plan(.dialProxy(point: place), after: Self.redial)
    }

    /// The process that owns entries at this router is gone, or the connection to it.
    private mutating func disconnectOwner(_ router: Int) {
        guard let owner = routers[router].owner, owner.isConnected else { return }
        routers[router].owner?.disconnect()
        give(.ownerDisconnected(owner.name), to: router)
    }

    // MARK: Connections

    private mutating func dialServer() {
        guard let roles, roles.proxy != nil, !roles.serverLink.isOpen else { return }
        guard roles.server != nil else {
            plan(.dialServer, after: Self.redial)
            return
        }
        trace { "the proxy connects to the server" }
        self.roles?.serverLink.open()
        give(.proxyRegistered(RolePlane.registration))
        give(.feedOpened(proxy: RolePlane.proxyName))
        give(LiveProxyInput.serverConnected(server: RolePlane.serverName))
        let position = self.roles?.proxy?.position(of: RolePlane.serverName)
        let messages = self.roles?.server?.proxies[RolePlane.proxyName]?.feed.catchUp(from: position) ?? []
        for message in messages { sendToProxy(.serverFeed(server: RolePlane.serverName, message: message)) }
    }

    private mutating func dialProxy(_ place: Int) {
        guard let roles, let point = roles.points[place], !roles.pointLinks[place].isOpen else { return }
        guard roles.proxy != nil else {
            plan(.dialProxy(point: place), after: Self.redial)
            return
        }
        trace { "point\(place + 1) connects to the proxy" }
        self.roles?.pointLinks[place].open()
        give(LiveProxyInput.replicationPointRegistered(RolePlane.registration(ofPoint: place)))
        give(.proxyConnected, toPoint: place)
        give(LiveProxyInput.feedOpened(point: "point\(place + 1)", position: point.position))
    }

    private mutating func keepAlive() {
        plan(.keepAlive, after: Self.keepAliveInterval)
        guard let roles else { return }
        if roles.serverLink.isOpen { sendToServer(.proxyRegistered(RolePlane.registration)) }
        for place in MetroNetwork.points.indices where roles.pointLinks[place].isOpen {
            sendToProxy(.replicationPointRegistered(RolePlane.registration(ofPoint: place)), from: place)
        }
    }

    private mutating func sendToServer(_ input: OTTServerInput) {
        guard let link = roles?.serverLink, link.isOpen else { return }
        plan(.toServer(input, connection: link.number))
    }

    private mutating func sendToProxy(_ input: LiveProxyInput) {
        guard let link = roles?.serverLink, link.isOpen else { return }
        plan(.toProxyFromServer(input, connection: link.number))
    }

    private mutating func sendToProxy(_ input: LiveProxyInput, from place: Int) {
        guard let link = roles?.pointLinks[place], link.isOpen else { return }
        plan(.toProxy(input, point: place, connection: link.number))
    }

    private mutating func sendToPoint(_ input: ReplicationPointInput, _ place: Int) {
        guard let link = roles?.pointLinks[place], link.isOpen else { return }
        plan(.toPoint(input, point: place, connection: link.number))
    }

    // MARK: Inputs and actions

    /// The calendar of hosts that have a good clock.
    var wall: UnixTime { UnixTime(milliseconds: 1_800_000_000_000) + .nanoseconds(now.nanoseconds) }

    mutating func give(_ input: OTTServerInput) {
        let wall = wall
        let actions = roles?.server?.handle(input, now: now, wallNow: wall) ?? []
        planTick(.server)
        for action in actions {
            switch action {
            case .store(let change): roles?.write(change)
            case .publish(let proxy, let message):
                if proxy == RolePlane.proxyName {
                    sendToProxy(.serverFeed(server: RolePlane.serverName, message: message))
                }
            case .answerJoin(let id, let result): answer(id, result)
            case .refuse(let problem): violate("roles", "the server refuses \(problem)")
            case .event(let event): trace { "server \(event)" }
            }
        }
    }

    mutating func give(_ input: LiveProxyInput) {
        let actions = roles?.proxy?.handle(input, now: now) ?? []
        planTick(.proxy)
        perform(actions)
    }

    private mutating func perform(_ actions: [LiveProxyAction]) {
        for action in actions {
            switch action {
            case .persist(let state): roles?.proxyState = state
            case .stopIngest(let channel, _): roles?.ingests[channel] = nil
            case .startIngest(let order):
                let trees = order.renditions.map(\.resource.tree)
                roles?.ingests[order.channel] = trees
                knownTrees.formUnion(trees)
            case .router(let message):
                if routers[MetroNetwork.proxy].owner?.isConnected == true { feed(message, to: MetroNetwork.proxy) }
            case .fetchDescription(_, let channel): give(LiveProxyInput.mediaDescriptionFailed(channel: channel))
            case .publish(let name, let message):
                if let place = MetroNetwork.points.indices.first(where: { "point\($0 + 1)" == name }) {
                    sendToPoint(.proxyFeed(message), place)
                }
            case .reportDue:
                if let report = roles?.proxy?.report(to: RolePlane.serverName) {
                    sendToServer(.proxyReported(name: RolePlane.proxyName, report: report))
                }
            case .resynchronize: closeServerLink()
            case .refuse(let problem): violate("roles", "the proxy refuses \(problem)")
            case .event(let event): trace { "proxy \(event)" }
            }
        }
    }

    mutating func give(_ input: ReplicationPointInput, toPoint place: Int) {
        let router = MetroNetwork.points[place]
        let wall = routers[router].wall(at: now)
        let actions = roles?.points[place]?.handle(input, now: now, wallNow: wall) ?? []
        planTick(.point(place))
        for action in actions {
            switch action {
            case .router(let message):
                if routers[router].owner?.isConnected == true { feed(message, to: router) }
            case .report(let report):
                sendToProxy(.replicationPointReported(point: "point\(place + 1)", report: report), from: place)
            case .resynchronize: closePointLink(place)
            case .admitted(let session): roles?.admission = session
            case .closeSession(let id, let reason): endStream(of: id, at: place, reason)
            case .grantKeys, .refused: break
            case .event(let event): trace { "point\(place + 1)'s role \(event)" }
            }
        }
    }

    // MARK: The roles' routers

    /// The role on this host finds its router again.
    mutating func connectRole(to router: Int) {
        if router == MetroNetwork.proxy {
            give(LiveProxyInput.routerWantsSnapshot)
        } else if let place = MetroNetwork.points.firstIndex(of: router) {
            give(.routerWantsSnapshot, toPoint: place)
        }
    }

    func hasRole(at router: Int) -> Bool {
        if router == MetroNetwork.proxy { return roles?.proxy != nil }
        return MetroNetwork.points.firstIndex(of: router).map { roles?.points[$0] != nil } ?? false
    }

    mutating func noteRouterGone(_ router: Int) {
        if let place = MetroNetwork.points.firstIndex(of: router) { give(.routerDisconnected, toPoint: place) }
    }

    mutating func noteApplied(_ position: FeedPosition, by router: Int) {
        if let place = MetroNetwork.points.firstIndex(of: router) { give(.routerApplied(position), toPoint: place) }
    }

    // MARK: Time

    private mutating func planTick(_ role: RolePlane.Role) {
        let deadline: Instant?
        switch role {
        case .server: deadline = roles?.server?.deadline
        case .proxy: deadline = roles?.proxy?.deadline
        case .point(let place): deadline = roles?.points[place]?.deadline
        }
        guard let deadline, roleTicks[role].map({ $0 > deadline || $0 < now }) ?? true else { return }
        roleTicks[role] = deadline
        events.plan(.role(.tick(role)), at: max(deadline, now))
    }

    private mutating func tick(_ role: RolePlane.Role) {
        roleTicks[role] = nil
        let deadline: Instant?
        switch role {
        case .server: deadline = roles?.server?.deadline
        case .proxy: deadline = roles?.proxy?.deadline
        case .point(let place): deadline = roles?.points[place]?.deadline
        }
        guard let deadline, deadline <= now else {
            planTick(role)
            return
        }
        switch role {
        case .server: give(OTTServerInput.tick)
        case .proxy: give(LiveProxyInput.tick)
        case .point(let place): give(.tick, toPoint: place)
        }
        let next = roleTicks[role] ?? .distantFuture
        if next < now { violate("deadlines", "\(role) wants to be ticked in the past") }
    }
}
