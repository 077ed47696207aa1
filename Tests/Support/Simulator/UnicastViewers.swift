import Clockwork
import ControlProtocol
import MulticastRouting
import Wire

/// A viewer who watches a tree by unicast at its replication point, or the point's own interest in it.
struct Watch: Hashable {
    /// Nil for the point's own interest.
    var host: Int?
    var tree: SourceGroup

    func item(_ hosts: [SimulatedHost]) -> RouterFeedItem {
        .unicastMember(
            UnicastMember(
                tree: tree, subscriber: host.map { "viewer-\($0)" } ?? UnicastMember.ownInterest,
                address: .v4(host.map { hosts[$0].address } ?? IPv4Address(10, 255, 1, 1)),
                since: UnixTime(milliseconds: 1_800_000_000_000)))
    }

    static func watches(_ items: [RouterFeedItem], _ hosts: [SimulatedHost]) -> Set<Watch> {
        var watches: Set<Watch> = []
        for case .unicastMember(let member) in items {
            let host = hosts.first { "viewer-\($0.number)" == member.subscriber }?.number
            guard host != nil || member.isOwnInterest else { continue }
            watches.insert(Watch(host: host, tree: member.tree))
        }
        return watches
    }

    /// Whether it may have the tree after `end`, by these grants.
    func isEntitled(_ grants: [SimulatedOwner.Grant: UnixTime], after end: UnixTime) -> Bool {
        guard let host else { return true }
        return grants[.init(host: host, tree: tree)].map { $0 > end } ?? false
    }

    static func precedes(_ left: Watch, _ right: Watch) -> Bool {
        left.host == right.host ? left.tree < right.tree : (left.host ?? -1) < (right.host ?? -1)
    }
}

extension Simulation {
    // MARK: What may happen

    mutating func watchSomething(isAuthorized: Bool) {
        let host = anyHost()
        let tree = anyTree()
        guard let point = point(of: host) else { return }
        happened(isAuthorized ? "watch" : "watch without authorization")
        trace { "viewer-\(host) watches \(tree) by unicast" }
        let isAuthorizedFirst = Bool.random(using: &generator)
        if isAuthorized, isAuthorizedFirst { authorize(host, tree) }
        publish([Watch(host: host, tree: tree).item(hosts)], removing: [], at: point)
        if isAuthorized, !isAuthorizedFirst { authorize(host, tree) }
    }

    mutating func keepSomethingWarm() {
        let tree = anyTree()
        let point = MetroNetwork.points[Int.random(in: MetroNetwork.points.indices, using: &generator)]
        happened("own interest")
        trace { "\(routers[point].name) wants \(tree) itself" }
        publish([Watch(host: nil, tree: tree).item(hosts)], removing: [], at: point)
    }

    mutating func unwatchSomething() {
        let point = MetroNetwork.points[Int.random(in: MetroNetwork.points.indices, using: &generator)]
        guard let watch = watches(at: point).randomElement(using: &generator) else { return }
        happened("unwatch")
        trace { "\(watch) ends" }
        publish([], removing: [watch.item(hosts).key], at: point)
    }

    /// Nobody watches any more.
    mutating func unwatchEverything() {
        for point in MetroNetwork.points {
            let keys = watches(at: point).map { $0.item(hosts).key }
            publish([], removing: keys, at: point)
        }
    }

    /// What is published, in order.
    private func watches(at point: Int) -> [Watch] {
        (routers[point].owner?.watches(hosts) ?? []).sorted(by: Watch.precedes)
    }

    // MARK: What must hold

    /// Whoever watches and may, gets the tree at the far end of the delivery interface; nothing else comes there.
    mutating func checkDelivery(_ point: Int, _ owner: SimulatedOwner, _ wall: UnixTime, since recently: Instant) {
        guard let link = routers[point].port(named: MetroNetwork.deliveryPort)?.link else { return }
        let grants = owner.grants(hosts)
        for tree in MetroNetwork.trees {
            let watches = watches(at: point).filter { $0.tree == tree }
            let arrives = (lastDelivered[LinkUse(link: link, tree: tree)] ?? .zero) >= recently
            if let watch = watches.first(where: { $0.isEntitled(grants, after: wall) }), !arrives {
                violate("served", "\(routers[point].name) does not get \(tree) for \(watch)")
            }
            if !watches.contains(where: { $0.isEntitled(grants, after: wall + .seconds(-3)) }), arrives {
                violate("settled", "\(routers[point].name) still delivers \(tree)")
            }
        }
    }
}
