import ControlProtocol
import LinuxIO

package typealias RoleControlServer = ControlServer<RoleRequest, RoleReply>

/// A role's control socket, served on a thread of its own so that an asynchronous program can answer when it is ready.
package final class RoleControlService: Sendable {
    /// Answers and events that wait for the service's thread; more are dropped and counted by the mailbox.
    package static let queueLimit = 4_096

    /// Answers one request, once, from any thread; an answer to a client that has gone is dropped.
    package struct Responder: Sendable {
        fileprivate let client: RoleControlServer.Client
        fileprivate let id: UInt64
        fileprivate let mailbox: Mailbox<Message>
        /// What the socket had seen when it took the request, this one included.
        package let counters: ControlCounters

        package func answer(_ body: RoleReply.Body) {
            mailbox.send(.answer(client, RoleReply(id: id, body: body)))
        }
    }

    fileprivate enum Message: Sendable {
        case answer(RoleControlServer.Client, RoleReply)
        case event(topic: String, json: String)
    }

    private let remote: LoopRemote
    private let mailbox: Mailbox<Message>

    /// - Parameter handler: called on the service's thread with everything but `watch`; it must not wait.
    package init(
        path: String, group: String?, limits: ControlLimits = .standard,
        handler: @escaping @Sendable (RoleRequest.Body, Responder) -> Void
    ) throws(ControlSocketError) {
        do {
            // Made here and used by the thread alone from its first instruction on: a hand-over, not a sharing.
            nonisolated(unsafe) let loop = try EventLoop()
            nonisolated(unsafe) let worker = RoleControlWorker(handler: handler)
            mailbox = loop.mailbox(limit: Self.queueLimit) { worker.perform($0) }
            remote = loop.remote
            try worker.listen(path: path, group: group, limits: limits, loop: loop, mailbox: mailbox)
            let thread = try SystemThread(name: "control") {
                try? loop.run()
                worker.close()
            }
            _ = consume thread
        } catch let error as ControlSocketError {
            throw error
        } catch {
            throw .system("\(error)")
        }
    }

    /// Sends `json` to everybody who watches `topic`; never waits.
    package func publish(topic: String, json: String) {
        mailbox.send(.event(topic: topic, json: json))
    }

    /// Closes the socket and its connections, and removes its file.
    package func stop() {
        remote.stop()
    }
}

/// The thread side of a `RoleControlService`.
private final class RoleControlWorker {
    private struct Watcher {
        var id: UInt64
        /// Empty for everything.
        var topics: Set<String>
    }

    private let handler: (RoleRequest.Body, RoleControlService.Responder) -> Void
    private var server: RoleControlServer?
    private var watchers: [RoleControlServer.Client: Watcher] = [:]

    init(handler: @escaping (RoleRequest.Body, RoleControlService.Responder) -> Void) {
        self.handler = handler
    }

    func listen(
        path: String, group: String?, limits: ControlLimits, loop: EventLoop,
        mailbox: Mailbox<RoleControlService.Message>
    ) throws(ControlSocketError) {
        server = try RoleControlServer(path: path, group: group, loop: loop, limits: limits) { [unowned self] event in
            switch event {
            case .request(let client, let request): receive(request, from: client, mailbox: mailbox)
            case .disconnected(let client): watchers[client] = nil
            }
        }
    }

    func close() {
        server?.close()
    }

    func perform(_ message: RoleControlService.Message) {
        switch message {
        case .answer(let client, let reply): server?.send(reply, to: client)
        case .event(let topic, let json):
            for client in watchers.keys.sorted() {
                guard let watcher = watchers[client], watcher.topics.isEmpty || watcher.topics.contains(topic) else {
                    continue
                }
                server?.send(RoleReply(id: watcher.id, body: .event(json: json)), to: client)
            }
        }
    }

    private func receive(
        _ request: RoleRequest, from client: RoleControlServer.Client, mailbox: Mailbox<RoleControlService.Message>
    ) {
        if case .watch(let topics) = request.body {
            watchers[client] = Watcher(id: request.id, topics: Set(topics))
        } else {
            handler(
                request.body,
                RoleControlService.Responder(
                    client: client, id: request.id, mailbox: mailbox, counters: server?.counters ?? ControlCounters()))
        }
    }
}
