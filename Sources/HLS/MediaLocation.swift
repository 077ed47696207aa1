/// An absolute `http` or `https` URL, and how a playlist's relative references are resolved against it (RFC 3986 §5).
///
/// Text comes from playlists and `Location` headers, so it is checked once here: what is not a plain web address is
/// refused with a `LocationError`.
package struct MediaLocation: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Hashable, Sendable {
        case http
        case https

        package var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    package static let maximumLength = 4096

    package let scheme: Scheme
    /// Lower case; an IPv6 literal keeps its brackets.
    package let host: String
    package let port: UInt16
    /// Begins with "/".
    package let path: String
    package let query: String?

    private init(scheme: Scheme, host: String, port: UInt16, path: String, query: String?) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.query = query
    }

    /// Reads an absolute URL; a fragment is dropped, user information refused.
    package init(_ text: some StringProtocol) throws(LocationError) {
        let reference = try Reference(text)
        guard let schemeName = reference.scheme else { throw .notAbsolute }
        guard let authority = reference.authority else { throw .missingHost }
        let scheme = try Self.scheme(named: schemeName)
        let (host, port) = try Self.split(authority: authority, scheme: scheme)
        self.init(
            scheme: scheme, host: host, port: port, path: Self.removingDotSegments(reference.path),
            query: reference.query)
    }

    /// The location that `text`, found in what was loaded from here, names.
    package func resolving(_ text: some StringProtocol) throws(LocationError) -> MediaLocation {
        let reference = try Reference(text)
        if reference.scheme != nil { return try MediaLocation(text) }
        if let authority = reference.authority {
            let (host, port) = try Self.split(authority: authority, scheme: scheme)
            return with(
                host: host, port: port, path: Self.removingDotSegments(reference.path), query: reference.query)
        }
        if reference.path.isEmpty { return with(path: path, query: reference.query ?? query) }
        if reference.path.hasPrefix("/") {
            return with(path: Self.removingDotSegments(reference.path), query: reference.query)
        }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return with(path: Self.removingDotSegments(folder + reference.path), query: reference.query)
    }

    /// Path and query as a request line carries them.
    package var requestTarget: String { query.map { "\(path)?\($0)" } ?? path }

    package var description: String {
        let authority = port == scheme.defaultPort ? host : "\(host):\(port)"
        return "\(scheme.rawValue)://\(authority)\(requestTarget)"
    }

    private func with(host: String? = nil, port: UInt16? = nil, path: String, query: String?) -> MediaLocation {
        MediaLocation(scheme: scheme, host: host ?? self.host, port: port ?? self.port, path: path, query: query)
    }

    private static func scheme(named name: String) throws(LocationError) -> Scheme {
        guard let scheme = Scheme(rawValue: name.lowercased()) else { throw .unsupportedScheme }
        return scheme
    }

    private static func split(authority: String, scheme: Scheme) throws(LocationError) -> (String, UInt16) {
        guard !authority.contains("@") else { throw .userInformation }
        var host = Substring(authority)
        var port = scheme.defaultPort
        let end = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[end...].lastIndex(of: ":") {
            host = authority[..<colon]
            let digits = authority[authority.index(after: colon)...]
            if !digits.isEmpty {
                guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits), number > 0
                else { throw .invalidPort }
                port = number
            }
        }
        guard isHost(host) else { throw host.isEmpty ? .missingHost : .invalidHost }
        return (host.lowercased(), port)
    }

    private static func isHost(_ host: Substring) -> Bool {
        guard !host.isEmpty, host.utf8.count <= 255 else { return false }
        if host.hasPrefix("[") {
            return host.hasSuffix("]")
                && host.dropFirst().dropLast().utf8.allSatisfy { $0.isHexDigit || $0 == 0x3A || $0 == 0x2E }
        }
        return host.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == 0x2E || $0 == 0x2D || $0 == 0x5F }
    }

    /// RFC 3986 §5.2.4, and always with a leading slash.
    private static func removingDotSegments(_ path: some StringProtocol) -> String {
        var kept: [Substring] = []
        let segments = Substring(path).split(separator: "/", omittingEmptySubsequences: false)
        let relevant = segments.first?.isEmpty == true ? segments.dropFirst() : segments[...]
        for (index, segment) in zip(relevant.indices, relevant) {
            let isLast = index == relevant.endIndex - 1
            switch segment {
            case ".":
                if isLast { kept.append("") }
            case "..":
                if !kept.isEmpty { kept.removeLast() }
                if isLast { kept.append("") }
            default:
                kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}

/// Why text is not the address of something to fetch.
package enum LocationError: Error, Hashable, Sendable {
    case tooLong
    case empty
    case controlCharacter
    case notAbsolute
    case unsupportedScheme
    case missingHost
    case invalidHost
    case invalidPort
    case userInformation

    package var reason: String {
        switch self {
        case .tooLong: "longer than \(MediaLocation.maximumLength) bytes"
        case .empty: "empty"
        case .controlCharacter: "contains a control character"
        case .notAbsolute: "not an absolute URL"
        case .unsupportedScheme: "scheme is neither http nor https"
        case .missingHost: "has no host"
        case .invalidHost: "host is malformed"
        case .invalidPort: "port is not a number from 1 to 65535"
        case .userInformation: "carries a user name; credentials belong in the configuration"
        }
    }
}

/// The five parts of a URI reference (RFC 3986 §3), the fragment dropped, bytes outside ASCII and spaces
/// percent-encoded: packagers write both into playlists.
private struct Reference {
    var scheme: String?
    var authority: String?
    var path: String
    var query: String?

    init(_ text: some StringProtocol) throws(LocationError) {
        guard text.utf8.count <= MediaLocation.maximumLength else { throw .tooLong }
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .controlCharacter }
        var rest = Substring(text)
        if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
        if let mark = rest.firstIndex(of: "?") {
            query = Self.encoded(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if let colon = rest.firstIndex(of: ":"), Self.isScheme(rest[..<colon]) {
            scheme = String(rest[..<colon])
            rest = rest[rest.index(after: colon)...]
        }
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex(of: "/") ?? rest.endIndex
            authority = String(rest[..<end])
            rest = rest[end...]
        }
        path = Self.encoded(rest)
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first.isLetter else { return false }
        return text.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E }
    }

    private static func encoded(_ text: Substring) -> String {
        guard !text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return String(text) }
        var result = ""
        for byte in text.utf8 {
            if (0x21...0x7E).contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}

extension UInt8 {
    var isDigit: Bool { (0x30...0x39).contains(self) }
    var isLetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
    var isHexDigit: Bool { isDigit || (0x41...0x46).contains(self) || (0x61...0x66).contains(self) }
}
