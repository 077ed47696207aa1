import Authorization
import Channels
import Clockwork
import ControlProtocol
import LiveProxy
import OTTServer
import ReplicationPoint
import Wire

/// The OTT server, the live proxy and the replication points above the routers, with what each has on disk and the
/// connections between them.
struct RolePlane {
    static let serverName = "server"
    static let proxyName = "proxy"
    static let channels = ["news", "sport", "film"].compactMap { ChannelKey(provider: "acme", channel: $0) }

    /// Processes, as they are killed and started.
    enum Role: Hashable {
        case server
        case proxy
        case point(Int)
    }

    /// A connection: whoever comes second in the name dials. Messages of an earlier number are lost.
    struct Connection {
        var isOpen = false
        var number = 0

        mutating func open() {
            isOpen = true
            number += 1
        }
    }

    var server: OTTServerCore?
    /// What the server wrote down, by proxy.
    var store: [String: StoredProxy] = [:]
    var proxy: LiveProxyCore?
    /// What the proxy wrote down.
    var proxyState: LiveProxyState
    var points: [ReplicationPointCore?]
    /// Between the server and the proxy.
    var serverLink = Connection()
    /// Between the proxy and each replication point.
    var pointLinks: [Connection]
    /// Subscribers as the server's database has them, by viewer.
    var records: [Int: SubscriberRecord] = [:]
    var viewers: [RoleViewer]
    /// What the proxy pulls and sends.
    var ingests: [ChannelKey: [SourceGroup]] = [:]
    /// How often a process was started.
    var lives: UInt64 = 0
    var nextRequest: UInt64 = 1
    /// What a replication point answered to the viewer who asked last.
    var admission: ViewerSession?

    init(viewerCount: Int) {
        proxyState = LiveProxyState(allocator: AllocatorState(nextGeneration: 1))
        points = MetroNetwork.points.map { _ in nil }
        pointLinks = MetroNetwork.points.map { _ in Connection() }
        viewers = Array(repeating: RoleViewer(), count: viewerCount)
    }

    // MARK: Settings

    static var catalogue: [MediaDescription] {
        channels.map { channel in
            MediaDescription(
                channel: channel, title: channel.channel,
                renditions: ["high", "low"].map { name in
                    Rendition(
                        name: name, width: 1_280, height: 720, bandwidth: 4_000_000, url: "http://origin/\(name).m3u8")
                })
        }
    }

    static var serverSettings: OTTServerSettings {
        var settings = OTTServerSettings()
        settings.joinDeadline = .seconds(5)
        settings.proxyKeepAlive = .seconds(8)
        settings.policy = AuthorizationPolicy(lifetime: .seconds(60))
        return settings
    }

    static var proxySettings: LiveProxySettings {
        let pools = [IPPrefix("232.1.0.0/28")].compactMap(\.self).map { groups in
            GroupPool(
                name: "pool", layout: .groupPerRendition, addressing: .sourceSpecific, groups: groups, firstPort: 5_000)
        }
        var settings = LiveProxySettings(
            servers: [serverName], source: .v4(MetroNetwork.source), pools: pools)
        settings.idleTimeout = .seconds(20)
        settings.linger = .seconds(2)
        settings.quarantine = .seconds(30)
        settings.replicationPointExpiry = .seconds(8)
        settings.holdLimit = .seconds(10)
        settings.routerSettlingTime = .seconds(20)
        return settings
    }

    static func registration(ofPoint place: Int) -> ReplicationPointRegistration {
        var registration = ReplicationPointRegistration(
            name: "point\(place + 1)",
            prefixes: MetroNetwork.viewerLinks(ofPoint: place).compactMap {
                IPPrefix(.v4(IPv4Address(10, UInt8($0), 0, 0)), length: 24)
            })
        registration.httpBase = "http://point\(place + 1)"
        return registration
    }

    static var registration: ProxyRegistration {
        ProxyRegistration(
            name: proxyName, prefixes: [IPPrefix("10.0.0.0/8")].compactMap(\.self), address: .v4(MetroNetwork.source))
    }

    // MARK: The server's disk

    mutating func write(_ change: StoreChange) {
        switch change {
        case .registration(let registration, let position, let nextSerial):
            store[
                registration.name,
                default: StoredProxy(
                    registration: registration, position: position, nextSerial: nextSerial, items: [])
            ].registration = registration
        case .items(let proxy, let position, let nextSerial, let upserts, let removals):
            let gone = Set(removals).union(upserts.map(\.key))
            store[proxy]?.items.removeAll { gone.contains($0.key) }
            store[proxy]?.items += upserts
            store[proxy]?.position = position
            store[proxy]?.nextSerial = nextSerial
        case .forget(let proxy): store[proxy] = nil
        }
    }
}

/// A continuous stream of a replication point to one viewer.
struct RoleStream {
    var place: Int
    var session: UInt64
    var rendition: RenditionResource
}

/// What one viewer's player is doing.
struct RoleViewer {
    /// What the user wants to see.
    var channel: ChannelKey?
    var rendition = 0
    /// Whether it takes the channel by HTTP from its replication point, as one that cannot receive multicast.
    var watchesByUnicast = false
    /// What the player has joined on the word of the server.
    var tree: SourceGroup?
    /// What the player has open at its replication point.
    var stream: RoleStream?
    /// The request whose answer is waited for.
    var request: UInt64?
    /// Nothing that was planned for an earlier wish is done.
    var wish = 0
}
