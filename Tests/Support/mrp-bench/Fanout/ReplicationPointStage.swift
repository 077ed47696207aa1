import Foundation
import Lab

/// A replication point with everything it needs: a head (OTT server, live proxy, router) that allocates channels and
/// authorizes viewers, and the point's own router. The channels' packets come from the bench's source in the proxy's
/// place: they leave by the proxy's source interface, and the proxy's ingest finds nothing to send.
final class ReplicationPointStage: FanoutStage {
    let name = "mrpd"
    private let lab: Lab
    private let head, point: Node
    private let programs: String
    private let credentials: DeploymentCredentials
    private let channels: Int
    private var running: ChildProcess?
    private var resources: [String] = []
    private var tokens: [String] = []

    private static let provider = "bench"
    private static let rendition = "tv"
    private static let serverAddress = "10.0.0.1"
    private static let pointAddress = "10.0.0.2"
    private static let mediaSource = "10.255.0.1"
    /// Streams that a session may have open: so many clients share a subscriber and its address.
    private static let streamsPerSubscriber = 8

    /// Where a viewer by multicast is, at a port of its own.
    private static let viewerAddress = "10.1.200.2"
    private static let viewerGateway = "10.1.200.1"

    let viewer: Node
    let relayAddress = "10.1.0.1"
    let relayPort = 8090
    let sourceInterface = "mrp-source"

    /// - Parameter programs: folder with all programs.
    init(programs: String, channels: Int, clients: Int) throws {
        (self.programs, self.channels) = (programs, channels)
        lab = try Lab("fanout")
        head = try lab.node("head")
        point = try lab.node("point")
        viewer = try lab.node("viewer")
        credentials = try DeploymentCredentials(
            mrpctl: "\(programs)/mrpctl", folder: lab.folder.appendingPathComponent("credentials").path)
        try connect()
        try startHead()
        try startPointRouter()
        try enrol(subscribers: max((clients + Self.streamsPerSubscriber - 1) / Self.streamsPerSubscriber, channels))
    }

    deinit { lab.tearDown() }

    var relay: ChildProcess {
        guard let running else { preconditionFailure("mrpd was not started") }
        return running
    }
    var sourceNode: Node { head }
    var clientNode: Node { point }

    func groups(_ setting: FanoutSetting) -> [String] { Array(resources.prefix(setting.channels)) }

    func targets(_ setting: FanoutSetting) -> [String] {
        tokens.enumerated().map { number, token in
            let channel = number % setting.channels
            return "/live/\(Self.provider)/\(Self.channel(channel))/\(Self.rendition).ts?token=\(token)"
                + " \(Self.address(of: number))"
        }
    }

    func start() throws {
        let command = [programs + "/mrpd", "--config", point.path("mrp.yaml"), "--role", "replication-point"]
        let started = try point.start("mrpd-replication-point", FanoutLoad.pinned(processor: 0, command))
        running = started
        try waitForAnswer(point, "replication-point.sock", from: started)
        try point.waitForListener(relayPort, of: started)
    }

    func stop() {
        running?.stop()
        running = nil
    }

    /// `mrp-client` that watches the first channel by multicast.
    var playCommand: [String] {
        [
            programs + "/mrp-client", "play", "\(Self.provider)/\(Self.channel(0))", "--server",
            "http://\(Self.serverAddress):8080", "--interface", "eth0",
        ]
    }

    func token(of subscriber: Int) -> String { tokens[subscriber] }

    var pointBase: String { "http://\(relayAddress):\(relayPort)" }

    // MARK: The network

    private func connect() throws {
        try lab.link(
            .init(head, "downlink", "\(Self.serverAddress)/24"), .init(point, "uplink", "\(Self.pointAddress)/24"))
        try lab.link(
            .init(point, "viewer", "\(Self.viewerGateway)/24"), .init(viewer, "eth0", "\(Self.viewerAddress)/24"))
        try viewer.ip("route", "add", "default", "via", Self.viewerGateway)
        try head.ip("route", "add", "default", "via", Self.pointAddress)
        try point.ip("route", "add", "default", "via", Self.serverAddress)
        // Half of the viewers' addresses are this host's own, so that each subscriber has one.
        try point.ip("route", "add", "local", "10.1.0.0/17", "dev", "lo")
        for node in [head, point] { try node.enableForwarding() }
        try point.sysctl("net.ipv4.tcp_congestion_control", "reno")
    }

    private static func address(of subscriber: Int) -> String {
        "10.1.\(1 + subscriber / 250).\(1 + subscriber % 250)"
    }

    private static func channel(_ number: Int) -> String { "c\(number)" }

    // MARK: The head

    private func startHead() throws {
        let content = head.path("content")
        try FileManager.default.createDirectory(atPath: content, withIntermediateDirectories: true)
        try writeServer(content: content)
        try writeProxy()
        try startDaemon("ott-server")
        try startRouter(head)
        try startDaemon("live-proxy")
        let keys = (0..<channels).map { "\(Self.provider)/\(Self.channel($0))" }
        for key in keys { try mrpctl(head, "ott-server.sock", "channel", "allocate", key) }
        guard try eventually(within: .seconds(30), { try self.readResources() }) else {
            throw BenchFailure("the proxy did not allocate \(channels) channels")
        }
    }

    private func startDaemon(_ role: String) throws {
        let command = [programs + "/mrpd", "--config", head.path("\(role).yaml"), "--role", role]
        let child = try head.start("mrpd-\(role)", ["taskset", "-c", "1"] + command)
        try waitForAnswer(head, "\(role).sock", from: child)
    }

    private func startRouter(_ node: Node) throws {
        _ = try node.start("mrp-keeper", [programs + "/mrp-keeper", node.path("keeper.sock")])
        guard eventually(within: .seconds(10), { FileManager.default.fileExists(atPath: node.path("keeper.sock")) })
        else { throw BenchFailure("\(node.name): the keeper did not start") }
        let file = node === head ? "live-proxy.yaml" : "mrp.yaml"
        let child = try node.start(
            "mrp-router", ["taskset", "-c", "1", programs + "/mrp-router", "--config", node.path(file)])
        try waitForAnswer(node, "router.sock", from: child)
    }

    private func waitForAnswer(_ node: Node, _ socket: String, from child: ChildProcess) throws {
        let answers = try eventually(within: .seconds(30)) {
            guard child.isRunning else { throw BenchFailure("\(child.name) ended:\n\(child.log)") }
            return try runCommand([programs + "/mrpctl", "status", "--socket", node.path(socket)]).status == 0
        }
        guard answers else { throw BenchFailure("\(child.name) does not answer:\n\(child.log)") }
    }

    @discardableResult
    private func mrpctl(_ node: Node, _ socket: String, _ arguments: String...) throws -> String {
        try check([programs + "/mrpctl"] + arguments + ["--socket", node.path(socket)])
    }

    /// Reads the groups that the proxy allocated; false while some are missing.
    private func readResources() throws -> Bool {
        struct Document: Decodable {
            struct Row: Decodable {
                struct Resource: Decodable {
                    struct Rendition: Decodable {
                        var group: String
                        var port: Int
                    }
                    var renditions: [Rendition]
                }
                var channel: String
                var resource: Resource?
            }
            var channels: [Row]
        }
        let text = try mrpctl(head, "live-proxy.sock", "show", "channels", "--json")
        let rows = try JSONDecoder().decode(Document.self, from: Data(text.utf8)).channels
        let found = Dictionary(
            rows.compactMap { row in row.resource?.renditions.first.map { (row.channel, "\($0.group) \($0.port)") } },
            uniquingKeysWith: { $1 })
        resources = (0..<channels).compactMap { found["\(Self.provider)/\(Self.channel($0))"] }
        return resources.count == channels
    }

    private func enrol(subscribers: Int) throws {
        for number in 0..<subscribers {
            let name = "viewer\(number)"
            try mrpctl(head, "ott-server.sock", "subscriber", "add", name)
            try mrpctl(head, "ott-server.sock", "entitle", name, "\(Self.provider)/*")
            tokens.append(try credentials.token(for: name))
        }
    }

    // MARK: Configuration files

    private func writeServer(content: String) throws {
        let tls = try credentials.issue(role: "ott-server", node: "ott", addresses: [Self.serverAddress])
        let catalogue = (0..<channels).map { number in
            """
                - channel: \(Self.provider)/\(Self.channel(number))
                  title: Channel \(number)
                  renditions:
                    - name: \(Self.rendition)
                      width: 1920
                      height: 1080
                      bandwidth: \(FanoutSetting.bitRate / 1000)kbit/s
                      url: http://\(Self.serverAddress):8080/content/none.m3u8
            """
        }
        _ = try head.write(
            "ott-server.yaml",
            """
            node: ott
            \(tls)
            ott-server:
              client-address: 0.0.0.0:8080
              node-address: 0.0.0.0:8443
              control-socket: \(head.path("ott-server.sock"))
              database: \(head.path("ott-server.sqlite"))
              content: \(content)
              tokens:
                public-key: \(credentials.tokenPublicKey)
              channels:
            \(catalogue.joined(separator: "\n"))

            """)
    }

    private func writeProxy() throws {
        let tls = try credentials.issue(role: "live-proxy", node: "proxy", addresses: [Self.serverAddress])
        _ = try head.write(
            "live-proxy.yaml",
            """
            node: proxy
            \(tls)
            router:
              control-socket: \(head.path("router.sock"))
              keeper-socket: \(head.path("keeper.sock"))
              interfaces:
                downlink: { pim: { hello-interval: 5s } }
                \(sourceInterface): { source: \(Self.mediaSource)/32 }
            live-proxy:
              ott-servers: [ "https://\(Self.serverAddress):8443" ]
              node-address: 0.0.0.0:8444
              address: \(Self.serverAddress)
              prefixes: [ 10.1.0.0/16 ]
              router-socket: \(head.path("router.sock"))
              control-socket: \(head.path("live-proxy.sock"))
              state: \(head.path("state"))
              source: { interface: \(sourceInterface), address: \(Self.mediaSource) }
              idle-timeout: 1h
              pools:
                - { name: default, layout: group-per-rendition, addressing: source-specific, groups: 232.1.0.0/16, first-port: 5000 }

            """)
    }

    private func startPointRouter() throws {
        let tls = try credentials.issue(role: "replication-point", node: "point", addresses: [Self.pointAddress])
        _ = try point.write(
            "mrp.yaml",
            """
            node: point
            \(tls)
            router:
              control-socket: \(point.path("router.sock"))
              keeper-socket: \(point.path("keeper.sock"))
              interfaces:
                uplink: { pim: { hello-interval: 5s } }
                viewer: { igmp: { version: 3 } }
                mrp-delivery: { delivery: 10.255.1.1/32 }
            replication-point:
              live-proxy: https://\(Self.serverAddress):8444
              prefixes: [ 10.1.0.0/16 ]
              http-base: http://\(relayAddress):\(relayPort)
              client-address: 0.0.0.0:\(relayPort)
              router-socket: \(point.path("router.sock"))
              control-socket: \(point.path("replication-point.sock"))

            """)
        try startRouter(point)
    }
}
