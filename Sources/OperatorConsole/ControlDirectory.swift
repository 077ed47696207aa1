import Clockwork
import ControlProtocol
import ControlSocket
import FoundationEssentials
import JSONCoding

/// The control sockets a command talks to, each with who is behind it.
package struct ControlDirectory: Sendable {
    package struct Endpoint: Sendable, Hashable {
        package var path: String
        package var description: ElementDescription

        package init(path: String, description: ElementDescription) {
            self.path = path
            self.description = description
        }
    }

    package static let defaultFolder = "/run/mrp"
    package static let timeout = Duration.seconds(10)

    /// In the order of `Element`, then of node and path.
    package private(set) var endpoints: [Endpoint] = []
    /// Sockets that did not answer, in the order they were named.
    package private(set) var failures: [ConsoleError] = []

    /// Asks every socket who it is. Sockets that were named must answer; of those found in the default folder, the ones
    /// that a stopped program left are passed over when another answers.
    package init(paths: [String]?) throws(ConsoleError) {
        for path in paths ?? Self.socketsInDefaultFolder() {
            do throws(ConsoleError) {
                endpoints.append(Endpoint(path: path, description: try Self.describe(path)))
            } catch {
                if paths != nil { throw error }
                failures.append(error)
            }
        }
        endpoints.sort {
            ($0.description.element, $0.description.node, $0.path)
                < ($1.description.element, $1.description.node, $1.path)
        }
        guard endpoints.isEmpty else { return }
        throw failures.first
            ?? ConsoleError(
                .notReachable, "there is no control socket in \(Self.defaultFolder)",
                hint: "Start mrp-router or mrpd, or name a socket: --socket PATH, --config FILE.")
    }

    package func endpoints(of elements: Set<Element>) -> [Endpoint] {
        endpoints.filter { elements.contains($0.description.element) }
    }

    package func endpoints(showing topic: String) -> [Endpoint] {
        endpoints.filter { $0.description.topics.contains(topic) }
    }

    package func endpoints(performing command: String) -> [Endpoint] {
        endpoints.filter { $0.description.commands.contains(command) }
    }

    private static func socketsInDefaultFolder() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: defaultFolder)) ?? []
        return names.filter { $0.hasSuffix(".sock") && $0 != "keeper.sock" }.sorted().map { "\(defaultFolder)/\($0)" }
    }

    private static func describe(_ path: String) throws(ConsoleError) -> ElementDescription {
        try decode(ElementDescription.self, from: RoleConversation(path: path).document(.describe))
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from json: String) throws(ConsoleError) -> Value {
        do throws(JSONError) {
            return try JSONText.decode(type, from: json)
        } catch {
            throw ConsoleError(
                .failed, "the answer is not understood: \(error)",
                hint: "mrpctl and the program it asked are of different versions: install both from one package.")
        }
    }
}

/// One question to a role, or to anybody that is asked what roles are asked.
package struct RoleConversation: Sendable {
    package var path: String

    package init(path: String) {
        self.path = path
    }

    /// The answer's document; `done` is an empty one.
    package func document(_ body: RoleRequest.Body) throws(ConsoleError) -> String {
        let reply: RoleReply
        do throws(ControlSocketError) {
            var client = try ControlClient<RoleRequest, RoleReply>(path: path)
            reply = try client.request(RoleRequest(id: 1, body: body), timeout: ControlDirectory.timeout)
        } catch {
            throw ConsoleError(error)
        }
        switch reply.body {
        case .document(let json), .event(let json): return json
        case .done: return "{}"
        case .problem(let problem): throw ConsoleError(problem)
        }
    }
}

/// One question to a router.
package struct RouterConversation: Sendable {
    package var path: String

    package init(path: String) {
        self.path = path
    }

    package func document(_ body: RouterRequest.Body) throws(ConsoleError) -> String {
        let reply: RouterReply
        do throws(ControlSocketError) {
            var client = try ControlClient<RouterRequest, RouterReply>(path: path)
            reply = try client.request(RouterRequest(id: 1, body: body), timeout: ControlDirectory.timeout)
        } catch {
            throw ConsoleError(error)
        }
        switch reply.body {
        case .document(let json), .event(let json): return json
        case .done, .applied, .demand, .delivery: return "{}"
        case .problem(let problem): throw ConsoleError(problem)
        }
    }
}
