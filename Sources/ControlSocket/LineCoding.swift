import ControlProtocol
import FoundationEssentials
import JSONCoding

/// A message whose reply repeats an identifier, and which can say that a request was refused.
package protocol ControlReply: Codable, Sendable {
    init(id: UInt64, problem: Problem)
}

extension RouterReply: ControlReply {
    package init(id: UInt64, problem: Problem) { self.init(id: id, body: .problem(problem)) }
}

extension RoleReply: ControlReply {
    package init(id: UInt64, problem: Problem) { self.init(id: id, body: .problem(problem)) }
}

/// One JSON value a line, in both directions.
package enum LineCoding {
    package static func encode(_ value: some Encodable) throws(ControlSocketError) -> [UInt8] {
        do {
            return Array(try JSONText.encode(value).utf8)
        } catch {
            throw .malformed("\(error)")
        }
    }

    package static func decode<Value: Decodable>(
        _ type: Value.Type, from line: [UInt8]
    ) throws(ControlSocketError) -> Value {
        do {
            return try JSONText.decode(type, from: Data(line))
        } catch {
            throw .malformed(error.description)
        }
    }

    private struct Identifier: Decodable {
        var id: UInt64
    }

    /// The identifier of a message that could not be read as a whole; zero when even that is missing.
    package static func identifier(of line: [UInt8]) -> UInt64 {
        (try? decode(Identifier.self, from: line))?.id ?? 0
    }
}
