/// Reads one section of the file key by key, remembers which keys it knows, and reports what is wrong instead of stopping.
struct SectionReader {
    /// Dotted keys from the top of the file, for messages; empty at the top.
    let path: String
    let position: SourcePosition
    let log: ProblemLog
    private let entries: [DocumentNode.Entry]
    private var known: [String] = []

    init(node: DocumentNode, path: String, log: ProblemLog) {
        self.path = path
        self.position = node.position
        self.log = log
        switch node.content {
        case .mapping(let entries): self.entries = entries
        case .empty: entries = []
        case .scalar, .sequence:
            entries = []
            log.add("\(path.isEmpty ? "the file" : path) must be a section of keys, not \(node.kind)", at: position)
        }
    }

    private func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// Where `key` stands, or the section when it is not there.
    func position(of key: String) -> SourcePosition {
        entries.first { $0.key == key }?.value.position ?? position
    }

    func has(_ key: String) -> Bool { entries.contains { $0.key == key } }

    func problem(_ message: String, at key: String? = nil) {
        log.add(message, at: key.map(position(of:)) ?? position)
    }

    private mutating func entry(_ key: String) -> DocumentNode.Entry? {
        known.append(key)
        log.ask(name(key))
        return entries.first { $0.key == key }
    }

    /// Reports every key nobody asked for.
    func finish() {
        for entry in entries where !known.contains(entry.key) && !log.isFull {
            let near = suggestion(for: entry.key, among: known)
            log.add("unknown key \"\(name(entry.key))\"\(hint(near))", at: entry.position)
        }
    }
}

extension SectionReader {
    mutating func optional<Value>(_ key: String, _ kind: ValueKind<Value>) -> Value? {
        guard let entry = entry(key), entry.value.content != .empty else { return nil }
        return read(entry.value, as: kind, name: name(key))
    }

    mutating func value<Value>(_ key: String, _ kind: ValueKind<Value>, default fallback: Value) -> Value {
        optional(key, kind) ?? fallback
    }

    mutating func required<Value>(_ key: String, _ kind: ValueKind<Value>) -> Value? {
        guard let entry = entry(key), entry.value.content != .empty else {
            log.add("\"\(name(key))\" is missing: it must be \(kind.expectation)", at: position)
            return nil
        }
        return read(entry.value, as: kind, name: name(key))
    }

    /// A list of at most `limit`; a single value may stand without brackets.
    mutating func list<Value>(_ key: String, _ kind: ValueKind<Value>, atMost limit: Int) -> [Value] {
        guard let entry = entry(key) else { return [] }
        return elements(of: entry.value, name: name(key), atMost: limit).compactMap {
            read($0, as: kind, name: name(key))
        }
    }

    private func elements(of node: DocumentNode, name: String, atMost limit: Int) -> [DocumentNode] {
        switch node.content {
        case .empty: return []
        case .scalar, .mapping: return [node]
        case .sequence(let elements):
            if elements.count > limit {
                log.add("\(name) holds \(elements.count), at most \(limit)", at: node.position)
            }
            return Array(elements.prefix(limit))
        }
    }

    private func read<Value>(_ node: DocumentNode, as kind: ValueKind<Value>, name: String) -> Value? {
        if case .scalar(let text) = node.content {
            if let value = kind.read(text) { return value }
            let near = hint(suggestion(for: text, among: kind.words))
            log.add("\(name) must be \(kind.expectation), not \"\(text)\"\(near)", at: node.position)
        } else {
            log.add("\(name) must be \(kind.expectation), not \(node.kind)", at: node.position)
        }
        return nil
    }
}

extension SectionReader {
    /// A section below `key`; nil when it is not there. A key without value is an empty section.
    mutating func section<Value>(_ key: String, _ body: (inout SectionReader) -> Value?) -> Value? {
        guard let entry = entry(key) else { return nil }
        return read(entry.value, path: name(key), body)
    }

    /// A section whose keys are names the operator chose, in the order of the file.
    mutating func namedSections<Value>(
        _ key: String, atMost limit: Int, _ body: (String, inout SectionReader) -> Value?
    ) -> [Value] {
        guard let entry = entry(key) else { return [] }
        let path = name(key)
        guard case .mapping(let sections) = entry.value.content else {
            if entry.value.content != .empty {
                log.add("\(path) must be a section of names, not \(entry.value.kind)", at: entry.value.position)
            }
            return []
        }
        if sections.count > limit {
            log.add("\(path) holds \(sections.count), at most \(limit)", at: entry.value.position)
        }
        return sections.prefix(limit).compactMap { section in
            var node = section.value
            if node.content == .empty { node.position = section.position }
            return read(node, path: "\(path).\(section.key)") { body(section.key, &$0) }
        }
    }

    /// A list of sections.
    mutating func sectionList<Value>(
        _ key: String, atMost limit: Int, _ body: (inout SectionReader) -> Value?
    ) -> [Value] {
        guard let entry = entry(key) else { return [] }
        let path = name(key)
        return elements(of: entry.value, name: path, atMost: limit).enumerated().compactMap { index, node in
            read(node, path: "\(path)[\(index)]", body)
        }
    }

    private func read<Value>(
        _ node: DocumentNode, path: String, _ body: (inout SectionReader) -> Value?
    ) -> Value? {
        var reader = SectionReader(node: node, path: path, log: log)
        let value = body(&reader)
        reader.finish()
        return value
    }
}
