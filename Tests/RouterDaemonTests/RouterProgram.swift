import ControlProtocol
import ControlSocket
import Glibc
import JSONCoding
import Lab
import LinuxIO
import Netlink
import Testing
import Wire

/// The real `mrp-router` in a node, and what can be asked of it.
final class RouterProgram {
    let node: Node
    let socket: String
    private let configuration: String
    private let program: String
    private(set) var process: ChildProcess?
    private(set) var keeper: ChildProcess?

    init(_ node: Node, interfaces: String, settings: String = "", keeper: Bool = false) throws {
        self.node = node
        socket = node.path("router.sock")
        program = Programs.path("mrp-router")
        let keeperSocket = node.path("keeper.sock")
        configuration = try node.write(
            "mrp.yaml", Self.text(interfaces, settings + (keeper ? "  keeper-socket: \(keeperSocket)\n" : ""), socket))
        if keeper {
            self.keeper = try node.start("keeper", [Programs.path("mrp-keeper"), keeperSocket])
            try #require(eventually(within: .seconds(5)) { access(keeperSocket, F_OK) == 0 })
        }
    }

    private static func text(_ interfaces: String, _ settings: String, _ socket: String) -> String {
        "node: r\nrouter:\n  control-socket: \(socket)\n\(settings)  interfaces:\n\(interfaces)\n"
    }

    /// Writes another configuration and has it read.
    func reload(_ text: String) throws {
        _ = try node.write("mrp.yaml", text)
        process?.send(signal: SIGHUP)
    }

    func reload(interfaces: String) throws { try reload(Self.text(interfaces, "", socket)) }

    /// Returns once the router answers.
    func start(environment: [String: String] = [:]) throws {
        let process = try node.start("router", [program, "--config", configuration], environment: environment)
        self.process = process
        let answers = eventually(within: .seconds(10)) { (try? show(.status, RouterStatusDocument.self)) != nil }
        try #require(answers, "the router did not start: \(process.log)")
    }

    func kill(_ signal: Int32 = SIGKILL) throws {
        process?.send(signal: signal)
        try #require(process?.waitForExit(within: .seconds(5)) == true)
    }

    var log: String { process?.log ?? "" }

    // MARK: Questions

    func show<Document: Decodable>(_ topic: RouterTopic, _ type: Document.Type) throws -> Document {
        var client = try ControlClient<RouterRequest, RouterReply>(path: socket)
        let reply = try client.request(RouterRequest(id: 1, body: .show(topic: topic.rawValue)), timeout: .seconds(5))
        guard case .document(let json) = reply.body else { throw LabError("\(reply)") }
        return try JSONText.decode(type, from: json)
    }

    func explain(_ subscriber: String, _ tree: SourceGroup) throws -> ExplainDocument {
        var client = try ControlClient<RouterRequest, RouterReply>(path: socket)
        let request = RouterRequest(id: 1, body: .explain(subscriber: subscriber, tree: tree))
        guard case .document(let json) = try client.request(request, timeout: .seconds(5)).body else {
            throw LabError("no explanation")
        }
        return try JSONText.decode(ExplainDocument.self, from: json)
    }

    /// A counter of the router, or of one of its interfaces; zero when it is not there.
    func counter(_ name: String, on interface: String? = nil) throws -> UInt64 {
        let document = try show(.counters, CountersDocument.self)
        let counters =
            interface.map { name in document.interfaces.first { $0.name == name }?.counters ?? [] } ?? document.router
        return counters.first { $0.name == name }?.count ?? 0
    }

    /// The outputs of a tree's entry in the kernel, by name; nil without an entry.
    func installedOutputs(of tree: SourceGroup) throws -> [String]? {
        try node.inNamespace {
            let names = Dictionary(uniqueKeysWithValues: try NetworkConfiguration().links().map { ($0.index, $0.name) })
            let entry = try ForwardingCache().entries().first {
                !$0.isUnresolved && .v4($0.key.group) == tree.group && .v4($0.key.source) == tree.source
            }
            return entry.map { $0.outputs.map { names[$0] ?? "?" }.sorted() }
        }
    }

    /// Entries in the kernel's table, whatever they are.
    func installedEntryCount() throws -> Int {
        try node.inNamespace { try ForwardingCache().entries().count }
    }
}

extension Node {
    /// Runs `body` on this thread in the node's namespace; sockets opened there stay there.
    func inNamespace<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
        let home = try NetworkNamespace.current()
        try NetworkNamespace.enter(NetworkNamespace.open("/run/netns/\(namespace)"))
        defer { try? NetworkNamespace.enter(home) }
        return try body()
    }

    func interfaceIndex(_ name: String) throws -> InterfaceIndex {
        let index = try inNamespace { if_nametoindex(name) }
        try #require(index != 0, "\(self.name) has no interface \(name)")
        return InterfaceIndex(index)
    }
}

/// An owner's connection: what a role does, one step at a time.
final class OwnerSession {
    private var client: ControlClient<RouterRequest, RouterReply>
    private var publisher: FeedPublisher<RouterFeedItem>
    private var nextRequest: UInt64 = 2

    init(_ router: RouterProgram, owner: String = "replication-point", items: [RouterFeedItem] = []) throws {
        Privileges.ignoreBrokenPipes()
        client = try ControlClient(path: router.socket)
        publisher = FeedPublisher(epoch: "test", items: items)
        let reply = try client.request(RouterRequest(id: 1, body: .own(owner: owner)), timeout: .seconds(5))
        try #require(reply.body == .done)
        try send(publisher.snapshot)
    }

    func add(_ items: RouterFeedItem...) throws {
        if let message = publisher.update(upserts: items) { try send(message) }
    }

    func remove(_ items: RouterFeedItem...) throws {
        if let message = publisher.update(removals: items.map(\.key)) { try send(message) }
    }

    /// What was sent unasked while answers were awaited, oldest first.
    private(set) var demands: [TreeDemand] = []

    /// Waits for the next demand that is told.
    func nextDemand() throws -> TreeDemand {
        while demands.isEmpty {
            if case .demand(let trees) = try client.receive(timeout: .seconds(5)).body { demands += trees }
        }
        return demands.removeFirst()
    }

    /// Returns once the router says that its table reflects the message.
    private func send(_ message: FeedMessage<RouterFeedItem>) throws {
        try client.send(RouterRequest(id: nextRequest, body: .feed(message: message)), timeout: .seconds(5))
        while true {
            let reply = try client.receive(timeout: .seconds(5))
            switch reply.body {
            case .demand(let trees): demands += trees
            case .applied(let position):
                try #require(position == message.position)
                try #require(reply.id == nextRequest)
                nextRequest += 1
                return
            default: throw LabError("\(reply)")
            }
        }
    }
}
