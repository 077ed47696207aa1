import ControlProtocol
import ControlSocket
import Glibc
import JSONCoding
import Synchronization

/// A role, or a router as far as its words are a role's, on a socket of its own.
final class FakeElement: Sendable {
    private static let counter = Atomic(0)

    let path: String
    private let service: RoleControlService

    init(
        _ element: Element, node: String = "node-1", topics: [String] = [], commands: [String] = [],
        answer: @escaping @Sendable (RoleRequest.Body) throws -> RoleReply.Body = { _ in .done }
    ) throws {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        path = "/tmp/mrp-console-\(getpid())-\(number).sock"
        let description = try JSONText.encode(
            ElementDescription(element: element, node: node, topics: topics, commands: commands))
        service = try RoleControlService(path: path, group: nil) { body, responder in
            if case .describe = body { return responder.answer(.document(json: description)) }
            do {
                responder.answer(try answer(body))
            } catch {
                responder.answer(.problem(Problem(code: "test", status: 500, title: "\(error)", detail: "")))
            }
        }
    }

    deinit { service.stop() }
}
