import ControlProtocol
import ControlSocket
import JSONCoding
import LinuxIO
import MulticastRouting

/// The router's control socket: owners write their feeds, tools ask and watch.
final class RouterControl {
    typealias Server = ControlServer<RouterRequest, RouterReply>

    private unowned let shell: RouterShell
    private var server: Server?
    private var owners = OwnerConnections<Server.Client>()
    private var watchers: [Server.Client: Watcher] = [:]

    private struct Watcher {
        var request: UInt64
        /// Empty for everything.
        var topics: Set<String>
    }

    init(shell: RouterShell, path: String, group: String?, clients: Int) throws(ControlSocketError) {
        self.shell = shell
        var limits = ControlLimits.standard
        limits.clients = clients
        server = try Server(path: path, group: group, loop: shell.loop, limits: limits) { [unowned self] event in
            switch event {
            case .request(let client, let request): receive(request, from: client)
            case .disconnected(let client): disconnected(client)
            }
        }
    }

    var counters: ControlCounters { server?.counters ?? ControlCounters() }

    func close() {
        server?.close()
        server = nil
    }

    // MARK: Requests

    private func receive(_ request: RouterRequest, from client: Server.Client) {
        switch request.body {
        case .describe: answer(request, client) { try JSONText.encode(description) }
        case .own(let owner): own(owner, request, client)
        case .feed(let message): feed(message, request, client)
        case .openDelivery: openDelivery(request, client)
        case .show(let topic): show(topic, request, client)
        case .watch(let topics):
            watchers[client] = Watcher(request: request.id, topics: Set(topics))
        case .explain(let subscriber, let tree):
            shell.refreshTable()
            answer(request, client) {
                try JSONText.encode(
                    shell.engine.explain(subscriber: subscriber, tree: tree, at: RouterShell.time()))
            }
        }
    }

    private var description: ElementDescription {
        ElementDescription(
            element: .router, node: shell.node, topics: RouterTopic.allCases.map(\.rawValue))
    }

    private func answer(_ request: RouterRequest, _ client: Server.Client, _ document: () throws -> String) {
        do {
            reply(.document(json: try document()), to: request.id, client)
        } catch {
            let problem = Problem(
                code: "internal", status: 500, title: "The answer could not be written.", detail: "\(error)")
            reply(.problem(problem), to: request.id, client)
        }
    }

    private func reply(_ body: RouterReply.Body, to request: UInt64, _ client: Server.Client) {
        server?.send(RouterReply(id: request, body: body), to: client)
    }

    // MARK: Owners

    private func own(_ owner: String, _ request: RouterRequest, _ client: Server.Client) {
        guard ChannelKey.isName(owner) else {
            let problem = Problem(
                code: "bad-owner-name", status: 400, title: "\"\(owner.prefix(80))\" is no owner's name.",
                detail: "Use 1 to 64 of a-z A-Z 0-9 . _ -")
            return reply(.problem(problem), to: request.id, client)
        }
        if let before = owners.claim(owner, for: client, request: request.id) {
            shell.take(.ownerDisconnected(owner))
            server?.disconnect(before)
        }
        server?.allowSnapshots(from: client)
        reply(.done, to: request.id, client)
        shell.take(.ownerConnected(owner))
    }

    private func feed(
        _ message: FeedMessage<RouterFeedItem>, _ request: RouterRequest, _ client: Server.Client
    ) {
        guard let owner = owners.owner(of: client) else {
            return reply(.problem(Self.notAnOwner), to: request.id, client)
        }
        owners.expectAnswer(to: request.id, at: message.position, for: owner)
        shell.take(.ownerMessage(owner: owner, message))
    }

    /// Opens a packet socket and passes it on; the router itself keeps none.
    private func openDelivery(_ request: RouterRequest, _ client: Server.Client) {
        guard owners.owner(of: client) != nil else {
            return reply(.problem(Self.notAnOwner), to: request.id, client)
        }
        do throws(Problem) {
            let (interface, descriptor) = try shell.openDelivery()
            server?.send(
                RouterReply(id: request.id, body: .delivery(interface: interface)), to: client, passing: descriptor)
        } catch {
            reply(.problem(error), to: request.id, client)
        }
    }

    private static let notAnOwner = Problem(
        code: "not-an-owner", status: 409, title: "This connection owns no entries.",
        detail: "Send own first; a newer connection of the same owner takes over.")

    func confirm(_ position: FeedPosition, of owner: String) {
        guard let (client, request) = owners.takeAnswered(position, of: owner) else { return }
        reply(.applied(position: position), to: request, client)
    }

    func refuse(_ problem: OwnerProblem, of owner: String) {
        guard let (client, request) = owners.takeRefused(of: owner) else { return }
        let (code, detail) =
            switch problem {
            case .feed(.tooManyItems): ("too-many-items", "Raise router.limits or publish less.")
            case .feed: ("feed-lost-place", "Send a snapshot.")
            case .tooManyOwners: ("too-many-owners", "The router serves the owners it knows.")
            }
        reply(.problem(Problem(code: code, status: 409, title: "\(problem)", detail: detail)), to: request, client)
    }

    func tell(_ demand: [TreeDemand], to owner: String) {
        guard let (client, claim) = owners.client(of: owner) else { return }
        reply(.demand(trees: demand), to: claim, client)
    }

    private func disconnected(_ client: Server.Client) {
        watchers[client] = nil
        if let owner = owners.remove(client) { shell.take(.ownerDisconnected(owner)) }
    }

    // MARK: Watching

    var isWatched: Bool { !watchers.isEmpty }

    func publish(_ event: RouterEventDocument) {
        guard !watchers.isEmpty, let json = try? JSONText.encode(event) else { return }
        for client in watchers.keys.sorted() {
            guard let watcher = watchers[client], watcher.topics.isEmpty || watcher.topics.contains(event.topic)
            else { continue }
            reply(.event(json: json), to: watcher.request, client)
        }
    }

    // MARK: Showing

    private func show(_ topic: String, _ request: RouterRequest, _ client: Server.Client) {
        guard let topic = RouterTopic(rawValue: topic) else {
            let known = RouterTopic.allCases.map(\.rawValue).joined(separator: ", ")
            let problem = Problem(
                code: "unknown-topic", status: 404, title: "The router does not show \(topic.prefix(80)).",
                detail: "It shows \(known).")
            return reply(.problem(problem), to: request.id, client)
        }
        answer(request, client) { try document(topic) }
    }

    private func document(_ topic: RouterTopic) throws -> String {
        let time = RouterShell.time()
        switch topic {
        case .groups:
            shell.refreshTable()
            return try JSONText.encode(shell.engine.groupsDocument(at: time))
        case .routes:
            shell.refreshTable()
            return try JSONText.encode(shell.engine.routesDocument(at: time))
        case .subscribers: return try JSONText.encode(shell.engine.subscribersDocument(at: time))
        case .interfaces: return try JSONText.encode(shell.interfacesDocument(at: time))
        case .neighbors: return try JSONText.encode(shell.engine.neighborsDocument(at: time))
        case .counters: return try JSONText.encode(shell.countersDocument())
        case .status: return try JSONText.encode(shell.engine.statusDocument(at: time))
        }
    }
}
