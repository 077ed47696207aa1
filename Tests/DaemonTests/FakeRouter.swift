import ControlProtocol
import ControlSocket
import LinuxIO
import Synchronization

/// A router that applies everything at once and keeps what it was told.
final class FakeRouter: Sendable {
    /// A class, so that the handler can keep it: a mutex itself cannot be captured.
    private final class Told: Sendable {
        let follower = Mutex(FeedFollower<RouterFeedItem>())
    }

    private let told = Told()
    private let remote: LoopRemote
    private let demands: Mailbox<[TreeDemand]>

    /// Keys of what its owner wants.
    var items: [String] { told.follower.withLock { $0.current.map(\.key) } }

    init(path: String) throws {
        nonisolated(unsafe) let loop = try EventLoop()
        nonisolated(unsafe) let worker = Worker()
        remote = loop.remote
        demands = loop.mailbox(limit: 64) { worker.tell($0) }
        let apply: @Sendable (FeedMessage<RouterFeedItem>) -> Bool = { [told] message in
            told.follower.withLock { (try? $0.apply(message)) != nil }
        }
        try worker.listen(path: path, loop: loop, apply: apply)
        let thread = try SystemThread(name: "fake-router") { try? loop.run() }
        _ = consume thread
    }

    func demand(_ trees: [TreeDemand]) { demands.send(trees) }

    func stop() { remote.stop() }

    private final class Worker {
        private var server: ControlServer<RouterRequest, RouterReply>?
        private var owner: ControlServer<RouterRequest, RouterReply>.Client?

        func listen(
            path: String, loop: EventLoop, apply: @escaping (FeedMessage<RouterFeedItem>) -> Bool
        ) throws {
            server = try ControlServer(path: path, loop: loop) { [unowned self] event in
                guard case .request(let client, let request) = event else { return }
                switch request.body {
                case .own:
                    owner = client
                    server?.send(RouterReply(id: request.id, body: .done), to: client)
                case .feed(let message):
                    guard apply(message) else { return }
                    server?.send(RouterReply(id: request.id, body: .applied(position: message.position)), to: client)
                case .describe, .show, .watch, .explain, .openDelivery: break
                }
            }
        }

        func tell(_ trees: [TreeDemand]) {
            guard let owner else { return }
            server?.send(RouterReply(id: 0, body: .demand(trees: trees)), to: owner)
        }
    }
}
