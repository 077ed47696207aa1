// The one place where values become JSON text and back: keys are kebab-case as in the IETF's YANG modules, output is
// sorted and therefore stable, errors name the path.
import FoundationEssentials

package enum JSONText {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// `lastReporter` becomes `last-reporter`.
    package static func kebabCase(_ camelCase: String) -> String {
        var text = ""
        for character in camelCase {
            if character.isUppercase {
                text += "-" + character.lowercased()
            } else {
                text.append(character)
            }
        }
        return text
    }

    /// `last-reporter` becomes `lastReporter`.
    package static func camelCase(_ kebabCase: String) -> String {
        var text = ""
        var raise = false
        for character in kebabCase {
            if character == "-" {
                raise = true
            } else if raise {
                text += character.uppercased()
                raise = false
            } else {
                text.append(character)
            }
        }
        return text
    }

    /// One line without spaces, or indented for people.
    package static func encode(_ value: some Encodable, indented: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            indented ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .custom { path in
            let last = path.last?.stringValue ?? ""
            return Key(stringValue: kebabCase(last))
        }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws(JSONError) -> Value {
        try decode(type, from: Data(text.utf8))
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws(JSONError) -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in
            let last = path.last?.stringValue ?? ""
            return Key(stringValue: camelCase(last))
        }
        do {
            return try decoder.decode(type, from: data)
        } catch {
            throw JSONError(error)
        }
    }
}

/// Why a text is not the JSON that was expected, with the path to the place.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ error: any Error) {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            description = "\(Self.path(context.codingPath)): \"\(JSONText.kebabCase(key.stringValue))\" is missing"
        case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
            description = "\(Self.path(context.codingPath)): expected \(type)"
        case DecodingError.dataCorrupted(let context):
            description = "\(Self.path(context.codingPath)): \(context.debugDescription)"
        default:
            description = "not valid JSON"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.isEmpty ? "top level" : keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
}
