/// A place in the configuration file; lines and columns count from one.
package struct SourcePosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Behind everything.
    static let end = SourcePosition(line: .max, column: .max)

    package static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }

    package var description: String { self == .end ? "end" : "\(line):\(column)" }
}

/// A configuration file as its syntax alone understands it: no key and no value has a meaning yet.
package struct DocumentNode: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var key: String
        package var position: SourcePosition
        package var value: DocumentNode

        package init(key: String, position: SourcePosition, value: DocumentNode) {
            self.key = key
            self.position = position
            self.value = value
        }
    }

    package enum Content: Hashable, Sendable {
        case scalar(String)
        case sequence([DocumentNode])
        /// In the order of the file; keys are unique.
        case mapping([Entry])
        /// A key without a value.
        case empty
    }

    package var position: SourcePosition
    package var content: Content

    package init(position: SourcePosition, content: Content) {
        self.position = position
        self.content = content
    }

    var kind: String {
        switch content {
        case .scalar(let text): "\"\(text)\""
        case .sequence: "a list"
        case .mapping: "a section of keys"
        case .empty: "nothing"
        }
    }
}
