/// What goes between a router and its keeper: one text message a packet over a Unix socket of sequenced packets, so that
/// a descriptor belongs to exactly one message.
///
/// `store NAME` (with one descriptor), `fetch NAME`, `remove NAME`, `list`; answered by `ok …` or `refused REASON`.
enum KeeperRequest: Hashable {
    case store(name: String)
    case fetch(name: String)
    case remove(name: String)
    case list

    /// Holds the answer to `list` when every name has its longest.
    static let lengthLimit = 8192
    static let nameLimit = 64

    init(_ message: [UInt8]) throws(KeeperRefusal) {
        let words = String(decoding: message, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        switch (words.first, words.count) {
        case ("store", 2): self = .store(name: try Self.name(words[1]))
        case ("fetch", 2): self = .fetch(name: try Self.name(words[1]))
        case ("remove", 2): self = .remove(name: try Self.name(words[1]))
        case ("list", 1): self = .list
        default: throw .badRequest
        }
    }

    var message: [UInt8] {
        switch self {
        case .store(let name): Array("store \(name)".utf8)
        case .fetch(let name): Array("fetch \(name)".utf8)
        case .remove(let name): Array("remove \(name)".utf8)
        case .list: Array("list".utf8)
        }
    }

    private static func name(_ text: Substring) throws(KeeperRefusal) -> String {
        let allowed = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x2D || byte == 0x2E || byte == 0x5F
        }
        guard allowed, (1...nameLimit).contains(text.utf8.count) else { throw .badName }
        return String(text)
    }
}

/// Why a keeper does not do what it was asked.
package enum KeeperRefusal: String, Error, Hashable, Sendable, CaseIterable {
    case badRequest = "bad-request"
    case badName = "bad-name"
    case unknownName = "unknown-name"
    case noDescriptor = "no-descriptor"
    case full
    case notPermitted = "not-permitted"

}
