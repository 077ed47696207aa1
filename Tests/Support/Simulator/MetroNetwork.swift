import Clockwork
import ControlProtocol
import GroupMembership
import MulticastRouting
import PIM
import Wire

/// The network every run is played on:
///
///     proxy ── core1 ── core2 ──┬── point1 ── three LANs of viewers
///                               └── point2 ── three LANs of viewers      (core2 and the points share one LAN)
///
/// Each point has a delivery interface too, for those of its viewers who watch by unicast.
enum MetroNetwork {
    static let source = IPv4Address(10, 0, 0, 1)
    static let groups = (1...4).map { IPv4Address(232, 1, 1, UInt8($0)) }
    static let trees = groups.map { SourceGroup(source: .v4(source), group: .v4($0)) }
    /// A stream that somebody sends though nobody was told to.
    static let rogueTree = SourceGroup(source: .v4(source), group: .v4(IPv4Address(232, 9, 9, 9)))

    static let proxy = 0
    static let points = [3, 4]
    static let viewerLANs = ["lan1", "lan2", "lan3"]
    static let deliveryPort = "delivery"
    private static let viewersPerLAN = 2

    static var membership: MembershipConfiguration {
        var configuration = MembershipConfiguration()
        configuration.queryInterval = .seconds(20)
        configuration.queryMaxResponseTime = .seconds(2)
        configuration.lastMemberQueryInterval = .milliseconds(200)
        return configuration
    }

    static var pim: PIMConfiguration {
        var configuration = PIMConfiguration()
        configuration.helloInterval = .seconds(5)
        configuration.helloHoldtime = .seconds(18)
        configuration.triggeredHelloDelay = .seconds(1)
        configuration.joinPruneInterval = .seconds(10)
        configuration.joinPruneHoldtime = .seconds(35)
        configuration.propagationDelay = .milliseconds(100)
        configuration.overrideInterval = .milliseconds(500)
        return configuration
    }

    /// How long a membership lives that nobody confirms.
    static let membershipInterval = Duration.seconds(2 * 20 + 2)
    static let joinHoldtime = Duration.seconds(35)
    static let adoptionMargin = Duration.seconds(1)
    static let ownerWait = Duration.seconds(15)

    private static func routing(_ interfaces: [RoutedInterfaceConfiguration], owners: Set<String>)
        -> RoutingConfiguration
    {
        var configuration = RoutingConfiguration(interfaces: interfaces)
        configuration.adoption.igmpMargin = adoptionMargin
        configuration.adoption.ownerWait = ownerWait
        configuration.adoption.owners = owners
        return configuration
    }

    // MARK: Parts

    static func links(viewers: [SimulatedHost]) -> [SimulatedLink] {
        var links = Array(repeating: SimulatedLink(), count: deliveryLink(points.count))
        links[0].attachments = [.router(0, interface: "src")]
        links[1].attachments = [.router(0, interface: "core"), .router(1, interface: "up")]
        links[2].attachments = [.router(1, interface: "down"), .router(2, interface: "up")]
        links[3].attachments = [.router(2, interface: "down")] + points.map { .router($0, interface: "up") }
        for (place, point) in points.enumerated() {
            for (lan, name) in viewerLANs.enumerated() {
                links[lanLink(place, lan)].attachments = [.router(point, interface: name)]
            }
            links[deliveryLink(place)].attachments = [.router(point, interface: deliveryPort)]
        }
        for viewer in viewers { links[viewer.segment].attachments.append(.host(viewer.number)) }
        return links
    }

    static func viewerLinks(ofPoint place: Int) -> [Int] { viewerLANs.indices.map { lanLink(place, $0) } }

    private static func lanLink(_ point: Int, _ lan: Int) -> Int { 4 + point * viewerLANs.count + lan }

    private static func deliveryLink(_ point: Int) -> Int { lanLink(points.count, point) }

    static func viewers(using generator: inout SeededGenerator) -> [SimulatedHost] {
        var viewers: [SimulatedHost] = []
        for point in points.indices {
            for lan in viewerLANs.indices {
                for place in 0..<viewersPerLAN {
                    let style = SimulatedHost.Style.allCases.randomElement(using: &generator) ?? .includes
                    viewers.append(
                        SimulatedHost(
                            number: viewers.count,
                            address: IPv4Address(10, UInt8(lanLink(point, lan)), 0, UInt8(10 + place)),
                            segment: lanLink(point, lan), style: style))
                }
            }
        }
        return viewers
    }

    /// Owners that are not played publish nothing by themselves.
    static func routers(fault: Fault, areOwnersPlayed: Bool) -> [SimulatedRouter] {
        func router(
            _ number: Int, _ name: String, _ configuration: RoutingConfiguration,
            _ upstream: SimulatedRouter.Upstream?, _ ports: [(String, Int, UInt8)], _ owner: SimulatedOwner?
        ) -> SimulatedRouter {
            SimulatedRouter(
                number: number, name: name, configuration: configuration, upstream: upstream,
                ports: ports.map { name, link, last in
                    .init(name: name, link: link, address: IPv4Address(10, UInt8(link), 0, last))
                }, owner: owner, fault: fault)
        }
        let localTrees = areOwnersPlayed ? trees.map(RouterFeedItem.localTree) : []
        var routers = [
            router(
                0, "proxy", routing([.init(name: "src"), .init(name: "core", pim: pim)], owners: []), nil,
                [("src", 0, 1), ("core", 1, 1)], SimulatedOwner(name: "live-proxy", items: localTrees)),
            router(
                1, "core1", routing([.init(name: "up", pim: pim), .init(name: "down", pim: pim)], owners: []),
                .init(port: "up", neighbor: IPv4Address(10, 1, 0, 1)), [("up", 1, 2), ("down", 2, 1)], nil),
            router(
                2, "core2", routing([.init(name: "up", pim: pim), .init(name: "down", pim: pim)], owners: []),
                .init(port: "up", neighbor: IPv4Address(10, 2, 0, 1)), [("up", 2, 2), ("down", 3, 1)], nil),
        ]
        let mappings = (areOwnersPlayed ? trees : []).compactMap { tree in
            tree.source.map { RouterFeedItem.sourceMapping(group: tree.group, source: $0) }
        }
        for (place, number) in points.enumerated() {
            let lans = viewerLANs.enumerated().map { lan, name in (name, lanLink(place, lan), UInt8(1)) }
            routers.append(
                router(
                    number, "point\(place + 1)",
                    routing(
                        [.init(name: "up", pim: pim), .init(name: deliveryPort, isDelivery: true)]
                            + viewerLANs.map { .init(name: $0, igmp: membership) },
                        owners: ["replication-point"]),
                    .init(port: "up", neighbor: IPv4Address(10, 3, 0, 1)),
                    [("up", 3, UInt8(2 + place)), (deliveryPort, deliveryLink(place), 1)] + lans,
                    SimulatedOwner(name: "replication-point", items: mappings)))
        }
        return routers
    }
}
