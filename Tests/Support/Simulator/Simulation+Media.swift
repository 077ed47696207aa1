import Clockwork
import MulticastRouting
import Wire

/// A tree on a link.
struct LinkUse: Hashable {
    var link: Int
    var tree: SourceGroup
}

extension Simulation {
    /// One packet of every stream that is sent: it goes as far as the kernels' tables carry it, at once.
    mutating func sendMedia() {
        events.plan(.media, at: now + Self.mediaInterval)
        carried = []
        for tree in sentTrees { sendPacket(tree) }
        if isRogueSending { sendPacket(MetroNetwork.rogueTree) }
    }

    /// A proxy that is played sends where there is demand; the core pulls and sends as it sees fit.
    private var sentTrees: [SourceGroup] {
        if let roles { return roles.ingests.values.flatMap(\.self).sorted() }
        return MetroNetwork.trees.filter { demand[$0, default: 0] > 0 }
    }

    private mutating func sendPacket(_ tree: SourceGroup) {
        guard let index = routers[MetroNetwork.proxy].port(named: "src")?.index else { return }
        forward(tree, at: MetroNetwork.proxy, from: index, hopsLeft: 8)
    }

    private mutating func forward(
        _ tree: SourceGroup, at router: Int, from index: InterfaceIndex, hopsLeft: Int
    ) {
        guard hopsLeft > 0 else {
            violate("loops", "\(tree) runs in circles at \(routers[router].name)")
            return
        }
        switch routers[router].kernel.route(tree, from: index) {
        case .dropped: return
        case .noEntry: upcall(.noEntry(tree, index), at: router)
        case .wrongInterface: upcall(.wrongInterface(tree, index), at: router)
        case .forward(let outputs):
            for output in outputs {
                guard let port = routers[router].port(output), port.isUp else { continue }
                copy(tree, from: router, through: port, hopsLeft: hopsLeft - 1)
            }
        }
    }

    private mutating func copy(
        _ tree: SourceGroup, from router: Int, through port: SimulatedRouter.Port, hopsLeft: Int
    ) {
        if !carried.insert(LinkUse(link: port.link, tree: tree)).inserted {
            violate("one copy", "\(routers[router].name) sends \(tree) to \(port.name), which has it already")
        }
        if port.name == MetroNetwork.deliveryPort {
            lastDelivered[LinkUse(link: port.link, tree: tree)] = now
            report.packetsDelivered += 1
        }
        for attachment in links[port.link].attachments {
            switch attachment {
            case .host(let host):
                hosts[host].note(tree, at: now)
                report.packetsDelivered += 1
            case .router(let other, let name):
                guard other != router, let next = routers[other].port(named: name), next.isUp, let index = next.index
                else { continue }
                forward(tree, at: other, from: index, hopsLeft: hopsLeft)
            }
        }
    }

    private mutating func upcall(_ upcall: RouterUpcall, at router: Int) {
        guard routers[router].isRunning else { return }
        events.plan(
            .input(router: router, life: routers[router].engineStarted, .upcall(upcall)),
            at: now + .microseconds(50))
    }
}
