import ControlProtocol
import ControlSocket
import JSONCoding

/// What a role shows on its control socket; the same requests for every role.
protocol RoleConsole: Sendable {
    var element: Element { get }
    var node: String { get }

    /// The JSON text of a topic's document.
    func document(_ topic: RoleTopic) async throws -> String
    func explanation(subscriber: String, channel: ChannelKey) async -> RoleExplanation

    /// The commands it performs; see `RoleCommand`.
    var commands: [String] { get }
    /// Performs one of `commands`; `arguments` and the answer are JSON text.
    func perform(_ command: RoleCommand, arguments: String) async throws -> String
}

extension RoleConsole {
    var commands: [String] { [] }

    func perform(_ command: RoleCommand, arguments: String) throws -> String { throw unknownCommand(command.rawValue) }

    /// Opens the control socket at `path`; each request is answered in its own task.
    func serve(path: String, group: String?) throws(ControlSocketError) -> RoleControlService {
        try RoleControlService(path: path, group: group) { request, responder in
            Task { responder.answer(await self.answer(request, socket: responder.counters)) }
        }
    }

    private func answer(_ request: RoleRequest.Body, socket: ControlCounters) async -> RoleReply.Body {
        do {
            switch request {
            case .describe:
                let description = ElementDescription(
                    element: element, node: node, topics: RoleTopic.allCases.map(\.rawValue),
                    commands: commands)
                return .document(json: try JSONText.encode(description))
            case .show(let name):
                guard let topic = RoleTopic(rawValue: name) else { return .problem(unknownTopic(name)) }
                let text = try await document(topic)
                return .document(json: topic == .counters ? try Self.adding(socket, to: text) : text)
            case .explain(let subscriber, let channel):
                let explanation = await explanation(subscriber: subscriber, channel: channel)
                return .document(json: try JSONText.encode(explanation))
            case .command(let name, let arguments):
                guard commands.contains(name), let command = RoleCommand(rawValue: name) else {
                    return .problem(unknownCommand(name))
                }
                return .document(json: try await perform(command, arguments: arguments))
            case .watch:
                return .done
            }
        } catch let problem as Problem {
            return .problem(problem)
        } catch let error as JSONError {
            return .problem(
                Problem(
                    code: "bad-arguments", status: 400, title: "The arguments are not what was expected: \(error)",
                    detail: "Use an mrpctl of the same version."))
        } catch {
            return .problem(
                Problem(
                    code: "internal-error", status: 500, title: "The answer could not be made.", detail: "\(error)"))
        }
    }

    /// A role's counters with those of the socket it is asked at, which the role itself does not see.
    private static func adding(_ socket: ControlCounters, to text: String) throws -> String {
        var document = try JSONText.decode(RoleCountersDocument.self, from: text)
        document.counters = (document.counters + socket.named).sorted { $0.name < $1.name }
        return try JSONText.encode(document)
    }

    private func unknownCommand(_ name: String) -> Problem {
        Problem(
            code: "unknown-command", status: 404, title: "\(element.rawValue) has no command \(name).",
            detail: "mrpctl help lists the commands of each element.")
    }

    private func unknownTopic(_ name: String) -> Problem {
        Problem(
            code: "unknown-topic", status: 404, title: "\(element.rawValue) has nothing to show of \(name).",
            detail: "It shows \(RoleTopic.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
}
