import ControlProtocol
import Foundation
import JSONCoding

/// All programs of the metro topology, each node with its own configuration file, certificates and control sockets.
package final class MetroDeployment {
    package static let channel = "acme/news"

    package let metro: MetroTopology
    /// Folder with `mrpd`, `mrp-router`, `mrpctl`, `mrp-client`.
    package let programs: String
    package let credentials: DeploymentCredentials
    package let content: String
    let plan: DeploymentPlan
    /// Programs by `NODE/NAME`, the latest start of each.
    package private(set) var running: [String: ChildProcess] = [:]

    package init(metro: MetroTopology, programs: String, plan: DeploymentPlan = DeploymentPlan()) throws {
        self.metro = metro
        self.programs = programs
        self.plan = plan
        let folder = metro.lab.folder
        credentials = try DeploymentCredentials(
            mrpctl: "\(programs)/mrpctl", folder: folder.appendingPathComponent("credentials").path)
        content = folder.appendingPathComponent("content").path
        try FileManager.default.createDirectory(
            atPath: "\(content)/\(Self.channel)", withIntermediateDirectories: true)
    }

    package func program(_ name: String) -> String { "\(programs)/\(name)" }

    package var channelFolder: String { "\(content)/\(Self.channel)" }

    /// Starts everything and waits until each program serves its control socket.
    package func start() throws {
        try configureServer()
        try configureProxy()
        if plan.runsCoreRouter { try configureCore() }
        for (node, port) in [(metro.rp1, 1), (metro.rp2, 2)] { try configureReplicationPoint(node, number: port) }
        try startDaemon(metro.ott, role: "ott-server")
        for node in routers { try startRouter(node) }
        try startDaemon(metro.proxy, role: "live-proxy")
        for node in [metro.rp1, metro.rp2] { try startDaemon(node, role: "replication-point") }
        try enrolSubscribers()
    }

    /// Nodes that run `mrp-router`.
    package var routers: [Node] {
        [metro.proxy] + (plan.runsCoreRouter ? [metro.core2] : []) + [metro.rp1, metro.rp2]
    }

    /// Nodes whose kernel may hold multicast entries.
    package var forwarders: [Node] { [metro.proxy, metro.core2, metro.rp1, metro.rp2] }

    @discardableResult
    package func startRouter(_ node: Node) throws -> ChildProcess {
        if running["\(node.name)/mrp-keeper"]?.isRunning != true {
            running["\(node.name)/mrp-keeper"] = try node.start(
                "mrp-keeper", [program("mrp-keeper"), node.path("keeper.sock")])
            try waitForSocket(node, "keeper.sock")
        }
        let child = try node.start("mrp-router", [program("mrp-router"), "--config", node.path("mrp.yaml")])
        running["\(node.name)/mrp-router"] = child
        try waitForAnswer(node, "router.sock", from: child)
        return child
    }

    @discardableResult
    package func startDaemon(_ node: Node, role: String) throws -> ChildProcess {
        let child = try node.start(
            "mrpd-\(role)", [program("mrpd"), "--config", node.path("mrp.yaml"), "--role", role])
        running["\(node.name)/mrpd"] = child
        try waitForAnswer(node, "\(role).sock", from: child)
        return child
    }

    private func waitForSocket(_ node: Node, _ socket: String) throws {
        let path = node.path(socket)
        guard eventually(within: .seconds(10), { FileManager.default.fileExists(atPath: path) }) else {
            throw LabError("\(node.name): no socket \(path) after 10 s")
        }
    }

    private func waitForAnswer(_ node: Node, _ socket: String, from child: ChildProcess) throws {
        let path = node.path(socket)
        let answers = try eventually(within: .seconds(20)) {
            guard child.isRunning else { throw LabError("\(child.name) ended:\n\(child.log)") }
            guard FileManager.default.fileExists(atPath: path) else { return false }
            return try runCommand([program("mrpctl"), "status", "--socket", path]).status == 0
        }
        guard answers else { throw LabError("\(child.name) does not answer at \(path):\n\(child.log)") }
    }

    /// Runs `mrpctl` with every control socket of the deployment.
    package func mrpctl(_ arguments: String...) throws -> CommandResult {
        try runCommand([program("mrpctl")] + arguments + sockets.flatMap { ["--socket", $0] })
    }

    /// What `mrpctl show TOPIC` says of a node's router.
    package func show<Document: Decodable>(_ topic: String, as type: Document.Type, at node: Node) throws -> Document {
        let text = try check([program("mrpctl"), "show", topic, "--json", "--socket", node.path("router.sock")])
        return try JSONText.decode(type, from: text)
    }

    /// Counters of a node's router by interface and name.
    package func counters(of node: Node) throws -> [String: [String: UInt64]] {
        let document = try show("counters", as: CountersDocument.self, at: node)
        let named = document.interfaces.map { interface in
            (interface.name, Dictionary(interface.counters.map { ($0.name, $0.count) }) { $1 })
        }
        return Dictionary(named) { $1 }
    }

    package var sockets: [String] {
        var paths = [metro.ott.path("ott-server.sock"), metro.proxy.path("live-proxy.sock")]
        paths += [metro.rp1, metro.rp2].map { $0.path("replication-point.sock") }
        paths += routers.map { $0.path("router.sock") }
        return paths
    }

    private func enrolSubscribers() throws {
        let socket = metro.ott.path("ott-server.sock")
        for viewer in metro.viewers {
            try check([program("mrpctl"), "subscriber", "add", viewer.name, "--socket", socket])
            if viewer.name != "mallory" {
                try check([program("mrpctl"), "entitle", viewer.name, Self.channel, "--socket", socket])
            }
            let token = try credentials.token(for: viewer.name)
            _ = try metro.viewer(viewer.name).write("token", token + "\n")
        }
    }

    /// The token of a viewer, as its file holds it.
    package func token(of viewer: String) throws -> String {
        try String(contentsOfFile: metro.viewer(viewer).path("token"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Starts `mrp-client play` at a viewer; the transport stream goes to `NAME.ts` and the report to `NAME.json`.
    package func play(_ viewer: String, rendition: String, seconds: Int) throws -> ChildProcess {
        let node = try metro.viewer(viewer)
        return try node.start(
            "mrp-client",
            [
                program("mrp-client"), "play", Self.channel, "--server",
                "http://\(MetroTopology.serverAddress):8080", "--token-file", node.path("token"), "--rendition",
                rendition, "--output", node.path("\(viewer).ts"), "--json", node.path("\(viewer).json"),
                "--duration", "\(seconds)s", "--interface", "eth0",
            ])
    }

    /// Multicast forwarding entries in a node's kernel, one a line as iproute2 prints them.
    package func forwardingEntries(_ node: Node) throws -> [String] {
        try node.ip("mroute", "show").split(separator: "\n").map(String.init)
    }
}
