import Clockwork
import ControlProtocol
import ControlSocket
import JSONCoding
import Lab
import LinuxIO
import Wire

/// The real `mrp-router` in a node, with an owner that authorizes.
final class RouterProcess {
    let process: ChildProcess
    private let socket: String
    /// Held, because what an owner published ends with it when it expires.
    private var owner: ControlClient<RouterRequest, RouterReply>?

    /// - Parameter interfaces: the lines below `router.interfaces`.
    init(_ environment: BenchEnvironment, in node: Node, interfaces: String) throws {
        socket = node.path("router.sock")
        let configuration = try node.write(
            "mrp.yaml", "node: r\nrouter:\n  control-socket: \(socket)\n  interfaces:\n\(interfaces)\n")
        process = try node.start("router", [environment.programs + "/mrp-router", "--config", configuration])
        let answers = eventually(within: .seconds(10)) { (try? show(.status, RouterStatusDocument.self)) != nil }
        guard answers else { throw BenchFailure("mrp-router did not start: \(process.log)") }
    }

    /// Publishes `items` as a snapshot, and returns once the router has applied it.
    func own(_ items: [RouterFeedItem]) throws {
        Privileges.ignoreBrokenPipes()
        var client = try ControlClient<RouterRequest, RouterReply>(path: socket)
        let publisher = FeedPublisher<RouterFeedItem>(epoch: "bench", items: items)
        _ = try client.request(RouterRequest(id: 1, body: .own(owner: "replication-point")), timeout: .seconds(5))
        let reply = try client.request(
            RouterRequest(id: 2, body: .feed(message: publisher.snapshot)), timeout: .seconds(30))
        guard case .applied = reply.body else { throw BenchFailure("the snapshot was not applied: \(reply)") }
        owner = consume client
    }

    func show<Document: Decodable>(_ topic: RouterTopic, _ type: Document.Type) throws -> Document {
        var client = try ControlClient<RouterRequest, RouterReply>(path: socket)
        let reply = try client.request(RouterRequest(id: 1, body: .show(topic: topic.rawValue)), timeout: .seconds(5))
        guard case .document(let json) = reply.body else { throw BenchFailure("\(reply)") }
        return try JSONText.decode(type, from: json)
    }

    /// The sum over all interfaces of an interface counter.
    func total(of counter: String) throws -> UInt64 {
        try show(.counters, CountersDocument.self).interfaces.reduce(0) { sum, interface in
            sum + (interface.counters.first { $0.name == counter }?.count ?? 0)
        }
    }

    static func authorization(_ subscriber: String, _ host: IPv4Address, _ group: IPv4Address) -> RouterFeedItem {
        .authorization(
            RouterAuthorization(
                subscriber: subscriber, binding: SubscriberBinding(addresses: [.v4(host)]),
                tree: SourceGroup(source: .v4(AccessLink.source), group: .v4(group)),
                expires: WallClock.now() + .seconds(3600)))
    }
}
