import ControlProtocol
import ControlSocket
import JSONCoding
import LinuxIO

/// Follows the events of several programs at once, line by line as they come, until the last of them has gone.
package final class EventWatch {
    private let loop: EventLoop
    private let print: (String) -> Void
    private var connections: [LineConnection] = []
    private var open = 0
    private var problem: ConsoleError?

    /// - Parameter print: receives each event's JSON, one line.
    package init(print: @escaping (String) -> Void) throws(ConsoleError) {
        do throws(SystemError) {
            loop = try EventLoop()
        } catch {
            throw ConsoleError(.failed, error.description)
        }
        self.print = print
    }

    /// Returns when all connections have ended; with an error when a program refused the watch.
    package func run(topics: [String], endpoints: [ControlDirectory.Endpoint]) throws(ConsoleError) {
        for endpoint in endpoints { try connect(endpoint, topics: topics) }
        do throws(SystemError) {
            if open > 0 { try loop.run() }
        } catch {
            throw ConsoleError(.failed, error.description)
        }
        if let problem { throw problem }
        throw ConsoleError(.notReachable, "the connection was closed by the program that was watched")
    }

    private func connect(_ endpoint: ControlDirectory.Endpoint, topics: [String]) throws(ConsoleError) {
        do {
            let limits = LineConnection.Limits(lineLength: ControlLimits.standard.snapshotBytes)
            let connection = try LineConnection(
                UnixSocket.connect(to: endpoint.path), on: loop, limits: limits
            ) { [unowned self] _, event in
                switch event {
                case .line(let line): receive(line)
                case .closed: ended()
                }
            }
            connections.append(connection)
            open += 1
            // Routers and roles read the same words.
            try connection.send(LineCoding.encode(RoleRequest(id: 1, body: .watch(topics: topics))))
        } catch {
            throw ConsoleError(.notReachable, "\(endpoint.path): \(error)")
        }
    }

    private func receive(_ line: [UInt8]) {
        guard let reply = try? LineCoding.decode(RoleReply.self, from: line) else { return }
        switch reply.body {
        case .event(let json), .document(let json): print(json)
        case .done: break
        case .problem(let refused):
            problem = ConsoleError(refused)
            loop.stop()
        }
    }

    private func ended() {
        open -= 1
        if open == 0 { loop.stop() }
    }
}

/// What `watch` filters by; every event carries one.
package enum WatchTopic: String, CaseIterable, Sendable {
    // Of the router.
    case memberships, routes, neighbors, interfaces, owners
    // Of the roles.
    case channels, subscribers, sessions, feeds
}

/// One event as a line for people.
package enum EventPrinter {
    package static func line(_ json: String, on terminal: Terminal) -> String {
        if let event = try? JSONText.decode(RouterEventDocument.self, from: json) { return line(event, on: terminal) }
        if let event = try? JSONText.decode(RoleEventDocument.self, from: json) { return line(event, on: terminal) }
        return json.printable
    }

    private static func line(_ event: RouterEventDocument, on terminal: Terminal) -> String {
        var words = [Words.timeOfDay(event.time), terminal.styled(event.event.printable, style(of: event.event))]
        if let group = event.group { words.append(Words.tree(event.source, group)) }
        if let interface = event.interface { words.append("on \(Words.port(interface, event.bridgePort))") }
        if let host = event.hostAddress { words.append("host \(host)") }
        return finish(words, event.subscriber, event.owner.map { "owner \($0)" }, event.reason, event.detail)
    }

    private static func line(_ event: RoleEventDocument, on terminal: Terminal) -> String {
        var words = [
            Words.timeOfDay(event.time), event.role.rawValue,
            terminal.styled(event.event.printable, style(of: event.event)),
        ]
        if let channel = event.channel { words.append("\(channel)") }
        return finish(words, event.subscriber, event.peer.map { "peer \($0)" }, event.reason, event.detail)
    }

    private static func finish(
        _ words: [String], _ subscriber: String?, _ party: String?, _ reason: String?, _ detail: String?
    ) -> String {
        var rest: [String] = []
        if let subscriber { rest.append("subscriber \(subscriber)") }
        if let party { rest.append(party) }
        if let reason { rest.append("[\(reason)]") }
        if let detail { rest.append(detail) }
        return (words + rest.map(\.printable)).joined(separator: " ")
    }

    private static func style(of event: String) -> Style {
        if event.contains("refused") || event.contains("failed") || event.contains("expired") { return .bad }
        if event.contains("admitted") || event.contains("up") || event.contains("added") { return .good }
        return .plain
    }
}
