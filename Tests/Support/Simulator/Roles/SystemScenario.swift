import Clockwork
import ControlProtocol
import LiveProxy
import OTTServer
import ReplicationPoint
import Wire

extension Simulation {
    /// The whole system: viewers ask the server, authorizations come down the feeds, streams flow, everybody goes home.
    mutating func playSystem() {
        startSystem()
        for _ in 0..<options.steps where !isOver {
            happenSomethingInSystem()
            advance(by: generator.duration(upTo: .seconds(2)))
        }
        calmDown()
        // A renewal, a membership that nobody confirms, and a channel that nobody watches must have ended by then.
        advance(by: .seconds(100))
        if !isOver { checkSystemService() }
        trace { "everybody goes home" }
        for viewer in hosts.indices {
            stopWatching(viewer)
            for tree in hosts[viewer].wants.sorted() { leave(viewer, tree) }
        }
        advance(by: .seconds(140))
        if !isOver { checkSystemEmptiness() }
    }

    private mutating func startSystem() {
        events.plan(.media, at: now + Self.mediaInterval)
        events.plan(.expireUnresolved, at: now + .seconds(10))
        for router in routers.indices {
            boot(router)
            events.plan(.dump(router: router), at: now + generator.duration(upTo: .seconds(10)))
        }
        start(.server)
        start(.proxy)
        for place in MetroNetwork.points.indices { start(.point(place)) }
        plan(.keepAlive)
        for viewer in hosts.indices { entitle(viewer, Int.random(in: 0..<4, using: &generator) != 0) }
        advance(by: .seconds(5))
    }

    private mutating func happenSomethingInSystem() {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<32: watchSomething()
        case 32..<42: watchNothing()
        case 42..<47: cutSomebodyOff()
        case 47..<55: changeEntitlement()
        case 55..<60: spy()
        case 60..<67: disturbLink()
        case 67..<72: restartRouter(keepsSockets: true)
        case 72..<75: restartRouter(keepsSockets: false)
        case 75..<78: flapPort()
        case 78..<81: replacePort()
        case 81..<85: restart(.server)
        case 85..<89: restart(.proxy)
        case 89..<94: restart(.point(Int.random(in: MetroNetwork.points.indices, using: &generator)))
        case 94..<97: flushEntry()
        default: sendRogueStream()
        }
    }

    private mutating func anyViewer() -> Int { Int.random(in: hosts.indices, using: &generator) }

    private mutating func watchSomething() {
        let channel = RolePlane.channels[Int.random(in: RolePlane.channels.indices, using: &generator)]
        happened("watch")
        watch(anyViewer(), channel)
    }

    private mutating func watchNothing() {
        let watching = hosts.indices.filter { roles?.viewers[$0].channel != nil }
        guard let viewer = watching.randomElement(using: &generator) else { return }
        happened("stop watching")
        trace { "viewer-\(viewer) switches off" }
        stopWatching(viewer)
    }

    private mutating func cutSomebodyOff() {
        happened("vanish")
        cutOff(anyViewer())
    }

    private mutating func changeEntitlement() {
        let viewer = anyViewer()
        happened("entitlement changes")
        entitle(viewer, !isEntitled(viewer))
    }

    /// Somebody joins a group without asking anybody.
    private mutating func spy() {
        guard let tree = knownTrees.sorted().randomElement(using: &generator) else { return }
        happened("spy")
        join(anyViewer(), tree)
    }

    private mutating func restart(_ role: RolePlane.Role) {
        guard isRunning(role) else { return }
        switch role {
        case .server: happened("server restarts")
        case .proxy: happened("proxy restarts")
        case .point: happened("replication point restarts")
        }
        kill(role)
        plan(.start(role), after: generator.duration(upTo: .seconds(4)))
    }

    // MARK: What must hold in the end

    private mutating func checkSystemService() {
        let recently = now - Self.mediaInterval * 2
        for viewer in hosts.indices {
            guard let state = roles?.viewers[viewer], let channel = state.channel, isEntitled(viewer) else { continue }
            if state.watchesByUnicast {
                checkStream(viewer, of: channel, since: recently)
                continue
            }
            guard let tree = state.tree else {
                violate("served", "viewer-\(viewer) has had no answer for \(channel)")
                continue
            }
            if (hosts[viewer].lastReceived[tree] ?? .zero) < recently {
                violate("served", "viewer-\(viewer) does not get \(tree) of \(channel)")
            }
        }
        for viewer in hosts.indices {
            let link = hosts[viewer].segment
            for tree in knownTrees.sorted() where (hosts[viewer].lastReceived[tree] ?? .zero) >= recently {
                let neighbors = hosts.filter { $0.segment == link }
                let isCaused = neighbors.contains { other in
                    isEntitled(other.number) && Justification.mayCount(other, tree, among: neighbors, at: now)
                }
                if !isCaused { violate("entitled", "viewer-\(viewer) gets \(tree) through nobody who may have it") }
            }
        }
        checkGroups()
    }

    /// No group carries two channels.
    private mutating func checkGroups() {
        var owners: [SourceGroup: ChannelKey] = [:]
        for channel in (roles?.ingests ?? [:]).keys.sorted() {
            for tree in roles?.ingests[channel] ?? [] {
                if let other = owners[tree] { violate("groups", "\(tree) carries \(channel) and \(other)") }
                owners[tree] = channel
            }
        }
    }

    private mutating func checkSystemEmptiness() {
        checkEmptiness()
        guard let roles else { return }
        if !roles.ingests.isEmpty { violate("empty", "the proxy still pulls \(roles.ingests.keys.sorted())") }
        for place in MetroNetwork.points.indices {
            let open = roles.points[place]?.openSessions ?? 0
            if open > 0 { violate("empty", "point\(place + 1) still has \(open) sessions") }
        }
        if let server = roles.server, server.waitingJoins > 0 { violate("empty", "joins still wait at the server") }
        for (name, stored) in roles.store where !stored.items.isEmpty {
            violate("empty", "the server still wants \(stored.items.map(\.key)) of \(name)")
        }
        if let allocated = roles.proxy?.channelsDocument.channels.filter({ $0.resource != nil }), !allocated.isEmpty {
            violate("empty", "the proxy still allocates \(allocated.map(\.channel))")
        }
    }
}
