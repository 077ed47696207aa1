import Clockwork
import Wire

/// What a scalar of the file may be: how to read it, and what to say of one that cannot be read.
struct ValueKind<Value> {
    /// Completes "must be …", e.g. "a duration such as 10s".
    let expectation: String
    /// Nil when the text is not one.
    let read: (String) -> Value?
    /// Words to choose from, for a suggestion.
    var words: [String] = []

    /// The same with a further condition on the value.
    func within(_ condition: String, _ holds: @escaping (Value) -> Bool) -> ValueKind {
        ValueKind(
            expectation: "\(expectation) \(condition)", read: { read($0).flatMap { holds($0) ? $0 : nil } },
            words: words)
    }
}

extension ValueKind where Value == String {
    static var text: ValueKind {
        ValueKind(expectation: "a text of 1 to 256 characters") { (1...256).contains($0.utf8.count) ? $0 : nil }
    }

    static var file: ValueKind {
        ValueKind(expectation: "a file name") { (1...4_096).contains($0.utf8.count) ? $0 : nil }
    }

    /// A socket's path must fit `sockaddr_un`.
    static var socketPath: ValueKind {
        ValueKind(expectation: "an absolute path of at most 107 characters") {
            $0.hasPrefix("/") && $0.utf8.count <= 107 ? $0 : nil
        }
    }

    static var interfaceName: ValueKind {
        ValueKind(expectation: "an interface name of 1 to 15 characters") {
            InterfaceName.isValid($0) ? $0 : nil
        }
    }

    static func url(_ schemes: String...) -> ValueKind {
        let prefixes = schemes.map { "\($0)://" }
        return ValueKind(expectation: "an address starting with \(prefixes.joined(separator: " or "))") { text in
            guard let prefix = prefixes.first(where: text.hasPrefix), text.utf8.count <= 2_048,
                let first = text.dropFirst(prefix.count).first, first != "/",
                !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F })
            else { return nil }
            return text
        }
    }
}

extension ValueKind where Value == Bool {
    static var flag: ValueKind {
        ValueKind(expectation: "true or false", read: { $0 == "true" ? true : $0 == "false" ? false : nil })
    }
}

extension ValueKind where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> ValueKind {
        ValueKind(expectation: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    static func bitRate(_ range: ClosedRange<Int>) -> ValueKind {
        ValueKind(expectation: "a bit rate such as 8Mbit/s, from \(range.lowerBound) to \(range.upperBound) bit/s") {
            Units.bitRate($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueKind where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> ValueKind {
        ValueKind(
            expectation:
                "a duration such as 10s, 500ms or 2h, from \(Units.text(range.lowerBound)) to "
                + Units.text(range.upperBound)
        ) {
            Units.duration($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueKind where Value: TextCodable {
    static var written: ValueKind {
        ValueKind(expectation: Value.kind, read: Value.init(text:))
    }
}

extension ValueKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: ValueKind {
        let words = Value.allCases.map(\.rawValue)
        return ValueKind(
            expectation: words.map { "\"\($0)\"" }.joined(separator: " or "), read: { Value(rawValue: $0) },
            words: words)
    }
}

enum InterfaceName {
    /// What the kernel takes (`dev_valid_name`).
    static func isValid(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x2F && $0 != 0x3A }
    }
}
