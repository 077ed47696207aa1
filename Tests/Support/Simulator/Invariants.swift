import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import Wire

/// Which ports of viewers may carry which tree, judged from outside: by what hosts want, and by what the owner's
/// messages that reached the router allow.
struct Justification {
    struct Port: Hashable {
        var router: Int
        var name: String
        var tree: SourceGroup
    }

    /// A rule that does not hold must be put right within this time: a change on its way to the kernel, an entry the
    /// kernel refused and the router tries again, an authorization that ends.
    static let patience = Duration.seconds(1)

    /// Since when a port carries a tree for nobody.
    private var unjustified: [Port: Instant] = [:]
    /// Ports that carried a tree when the router started again.
    private var adopted: Set<Port> = []

    mutating func noteBoot(_ router: SimulatedRouter, at now: Instant) {
        adopted = adopted.filter { $0.router != router.number }
        adopted.formUnion(Self.viewerPorts(of: router))
        unjustified = unjustified.filter { $0.key.router != router.number }
    }

    static func viewerPorts(of router: SimulatedRouter) -> Set<Port> {
        var ports: Set<Port> = []
        for (tree, entry) in router.kernel.entries {
            for index in entry.outputs.compactMap({ router.kernel.virtualInterfaces[$0] }) {
                guard let port = router.port(index), isForViewers(port.name) else { continue }
                ports.insert(Port(router: router.number, name: port.name, tree: tree))
            }
        }
        return ports
    }

    private static func isForViewers(_ port: String) -> Bool {
        port == MetroNetwork.deliveryPort || MetroNetwork.viewerLANs.contains(port)
    }

    /// The ports that carry a tree for nobody for too long, in order.
    mutating func judge(_ router: SimulatedRouter, _ hosts: [SimulatedHost], at now: Instant) -> [Port] {
        var late: [Port] = []
        let ports = Self.viewerPorts(of: router)
        for port in unjustified.keys where port.router == router.number && !ports.contains(port) {
            unjustified[port] = nil
        }
        for port in ports {
            if isJustified(port, router, hosts, at: now) {
                unjustified[port] = nil
            } else if let since = unjustified[port] {
                if since + Self.patience < now { late.append(port) }
            } else {
                unjustified[port] = now
            }
        }
        return late.sorted { ($0.name, $0.tree) < ($1.name, $1.tree) }
    }

    private func isJustified(
        _ port: Port, _ router: SimulatedRouter, _ hosts: [SimulatedHost], at now: Instant
    ) -> Bool {
        if port.name == MetroNetwork.deliveryPort { return isDeliveryJustified(port, router, at: now) }
        if adopted.contains(port), now <= adoptionEnd(router) { return true }
        guard let link = router.port(named: port.name)?.link, let owner = router.owner else { return false }
        let wall = router.wall(at: now)
        let neighbors = hosts.filter { $0.segment == link }
        return neighbors.contains { host in
            Self.mayCount(host, port.tree, among: neighbors, at: now)
                && (owner.delivered[.init(host: host.number, tree: port.tree)].map { $0 > wall } ?? false)
        }
    }

    /// Whether a router may take the host for a member: it wants the tree, or did until a short while ago, or it wanted
    /// it once and its silence cannot be told from that of an IGMPv2 host which hears another one's report.
    static func mayCount(
        _ host: SimulatedHost, _ tree: SourceGroup, among neighbors: [SimulatedHost], at now: Instant
    ) -> Bool {
        let since = now - MetroNetwork.membershipInterval
        if host.hasWanted(tree, since: since) { return true }
        return host.style == .version2 && host.hasWanted(tree, since: .zero)
            && neighbors.contains {
                $0.number != host.number && $0.style == .version2 && $0.hasWanted(tree, since: since)
            }
    }

    /// As soon as the owner has spoken, only those whom it named and authorized count.
    private func isDeliveryJustified(_ port: Port, _ router: SimulatedRouter, at now: Instant) -> Bool {
        guard let owner = router.owner else { return false }
        let isWaiting = !owner.hasDeliveredSnapshot && now <= router.engineStarted + MetroNetwork.ownerWait
        if adopted.contains(port), isWaiting { return true }
        return owner.deliveredWatches.contains {
            $0.tree == port.tree && $0.isEntitled(owner.delivered, after: router.wall(at: now))
        }
    }

    private func adoptionEnd(_ router: SimulatedRouter) -> Instant {
        let spoken = router.owner?.hasDeliveredSnapshot == true
        let grace = MetroNetwork.membership.queryMaxResponseTime + MetroNetwork.adoptionMargin
        return router.engineStarted + (spoken ? grace : max(grace, MetroNetwork.ownerWait))
    }
}

extension Simulation {
    /// What must hold after every step, of the router that was concerned.
    mutating func check(_ router: Int) {
        guard routers[router].isRunning else { return }
        guard !routers[router].kernel.entries.isEmpty else { return }
        if MetroNetwork.points.contains(router) {
            for port in justification.judge(routers[router], hosts, at: now) {
                violate("authorized", "\(routers[router].name) sends \(port.tree) to \(port.name) for nobody")
            }
        }
        for (tree, entry) in routers[router].kernel.entries where entry.outputs.contains(entry.parent) {
            violate("no echo", "\(routers[router].name) sends \(tree) back to where it comes from")
        }
    }

    /// Now and then: what is too dear for every step.
    mutating func checkCounters(_ router: Int) {
        guard let engine = routers[router].engine else { return }
        let document = engine.countersDocument()
        var all = document.router.map { ("router/\($0.name)", $0.count) }
        for interface in document.interfaces {
            // An interface that comes back is another one.
            let index = routers[router].port(named: interface.name)?.index?.rawValue ?? 0
            all += interface.counters.map { ("\(interface.name)#\(index)/\($0.name)", $0.count) }
        }
        for (name, count) in all {
            if let seen = routers[router].seenCounters[name], count < seen {
                violate("counters", "\(routers[router].name): \(name) went back from \(seen) to \(count)")
            }
            routers[router].seenCounters[name] = count
        }
        let status = engine.statusDocument(at: routers[router].time(at: now))
        if status.trees > knownTrees.count + 1 {
            violate("limits", "\(routers[router].name) knows \(status.trees) trees")
        }
        if routers[router].kernel.virtualInterfaces.count > routers[router].ports.count {
            violate("limits", "\(routers[router].name) holds more virtual interfaces than it has ports")
        }
    }

    // MARK: When the network has settled

    /// Every viewer who may have a tree and wants it gets it; nobody else's port carries it.
    mutating func checkService() {
        let recently = now - Self.mediaInterval * 2
        for point in MetroNetwork.points {
            guard let owner = routers[point].owner else { continue }
            let wall = routers[point].wall(at: now)
            if owner.applied != owner.position {
                violate("applied", "\(routers[point].name) has not applied what its owner published")
            }
            checkDelivery(point, owner, wall, since: recently)
            for name in MetroNetwork.viewerLANs {
                for tree in MetroNetwork.trees { checkPort(point, name, tree, owner, wall, since: recently) }
            }
        }
    }

    private mutating func checkPort(
        _ point: Int, _ name: String, _ tree: SourceGroup, _ owner: SimulatedOwner, _ wall: UnixTime,
        since recently: Instant
    ) {
        let link = routers[point].port(named: name)?.link
        let neighbors = hosts.filter { $0.segment == link }
        let grants = owner.grants(hosts)
        func isGranted(_ host: SimulatedHost, until end: UnixTime) -> Bool {
            grants[.init(host: host.number, tree: tree)].map { $0 > end } ?? false
        }
        let receives = neighbors.contains { ($0.lastReceived[tree] ?? .zero) >= recently }
        // Who was entitled all through the last seconds must have been served; for somebody who was at their beginning
        // the port may have been open.
        let entitled = neighbors.filter { $0.wants.contains(tree) && isGranted($0, until: wall) }
        let excuses = neighbors.filter {
            Justification.mayCount($0, tree, among: neighbors, at: now) && isGranted($0, until: wall + .seconds(-3))
        }
        if let viewer = entitled.first, !receives {
            violate("served", "viewer-\(viewer.number) on \(routers[point].name)/\(name) does not get \(tree)")
        }
        if excuses.isEmpty, receives {
            violate("settled", "\(routers[point].name)/\(name) still carries \(tree)")
        }
    }

    /// Nobody wants anything any more: nothing is left anywhere.
    mutating func checkEmptiness() {
        for router in routers {
            if !router.kernel.entries.isEmpty {
                violate("empty", "\(router.name) still has \(router.kernel.entries.keys.sorted())")
            }
            guard let status = router.engine?.statusDocument(at: router.time(at: now)) else { continue }
            if status.trees + status.memberships + status.pendingEntries > 0 {
                violate("empty", "\(router.name) still knows trees or members: \(status)")
            }
        }
        // An owner that withdrew its tree hears no more of it.
        for tree in demand.keys.sorted() where roles == nil && demand[tree] != 0 {
            violate("empty", "the proxy is still told of demand for \(tree)")
        }
    }
}
