/// The `NAME=value,…` part of a tag (RFC 8216 §4.2).
struct AttributeList {
    private var values: [String: String] = [:]

    init?(_ text: Substring) {
        var rest = text.utf8
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: 0x3D) else { return nil }
            let name = rest[..<equals]
            guard !name.isEmpty, name.allSatisfy({ (0x41...0x5A).contains($0) || $0.isDigit || $0 == 0x2D }) else {
                return nil
            }
            rest = rest[rest.index(after: equals)...]
            guard let value = Self.takeValue(from: &rest),
                values.updateValue(value, forKey: String(Substring(name))) == nil
            else { return nil }
            guard !rest.isEmpty else { return }
            guard rest.first == 0x2C else { return nil }
            rest.removeFirst()
            while rest.first == 0x20 { rest.removeFirst() }
        }
    }

    subscript(name: String) -> String? { values[name] }

    private static func takeValue(from rest: inout Substring.UTF8View) -> String? {
        if rest.first == 0x22 {
            rest.removeFirst()
            guard let quote = rest.firstIndex(of: 0x22) else { return nil }
            defer { rest = rest[rest.index(after: quote)...] }
            return String(Substring(rest[..<quote]))
        }
        let end = rest.firstIndex(of: 0x2C) ?? rest.endIndex
        let value = rest[..<end]
        guard !value.isEmpty, !value.contains(0x22) else { return nil }
        defer { rest = rest[end...] }
        return String(Substring(value))
    }
}
