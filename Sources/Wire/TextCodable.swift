/// A value that goes into JSON as the text it prints.
package protocol TextCodable: Codable, CustomStringConvertible {
    init?(text: String)
    static var kind: String { get }
}

extension TextCodable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(text: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is not \(Self.kind)")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension IPv4Address: TextCodable {
    package init?(text: String) { self.init(text) }
    package static var kind: String { "an IPv4 address" }
}

extension IPv6Address: TextCodable {
    package init?(text: String) { self.init(text) }
    package static var kind: String { "an IPv6 address" }
}

extension IPAddress: TextCodable {
    package init?(text: String) { self.init(text) }
    package static var kind: String { "an IP address" }
}

extension IPPrefix: TextCodable {
    package init?(text: String) { self.init(text) }
    package static var kind: String { "a network prefix such as 10.3.0.0/16" }
}

extension MACAddress: TextCodable {
    package init?(text: String) { self.init(text) }
    package static var kind: String { "a MAC address such as 02:00:00:00:00:01" }
}
