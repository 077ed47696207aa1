import Wire

/// Where a fetch may go, and which redirects it may follow (RFC 9110 §15.4). The shell performs the requests; this
/// decides, so that a hostile origin cannot have a proxy reach what only the proxy can.
package struct RedirectPolicy: Hashable, Sendable {
    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case tooMany(limit: Int)
        case malformed(LocationError)
        /// From `https` to `http`.
        case downgrade
        /// Hosts are listed, and this is none of them.
        case otherHost(String)
        /// From elsewhere to an address of this host or its links.
        case localAddress(String)

        package var description: String {
            switch self {
            case .tooMany(let limit): "more than \(limit) redirects"
            case .malformed(let error): "the new place: \(error.reason)"
            case .downgrade: "from https to http"
            case .otherHost(let host): "\(host) is not among the allowed hosts"
            case .localAddress(let host): "\(host) is an address of this host or its links"
            }
        }
    }

    /// Redirects in one fetch.
    package var maximumRedirects: Int
    /// In lower case; empty allows every host.
    package var allowedHosts: Set<String>

    package init(maximumRedirects: Int = 5, allowedHosts: Set<String> = []) {
        self.maximumRedirects = maximumRedirects
        self.allowedHosts = allowedHosts
    }

    /// Whether a place that a description or a playlist names may be asked.
    package func check(_ location: MediaLocation) throws(Refusal) {
        guard allowedHosts.isEmpty || allowedHosts.contains(location.host) else { throw .otherHost(location.host) }
    }

    /// Where to go after `followed` redirects when the answer of `current` carries this `Location` header.
    package func target(
        of header: some StringProtocol, from current: MediaLocation, followed: Int
    ) throws(Refusal) -> MediaLocation {
        guard followed < maximumRedirects else { throw .tooMany(limit: maximumRedirects) }
        let target: MediaLocation
        do {
            target = try current.resolving(header)
        } catch {
            throw .malformed(error)
        }
        guard current.scheme == .http || target.scheme == .https else { throw .downgrade }
        try check(target)
        guard !allowedHosts.isEmpty || !target.isLocal || current.isLocal else { throw .localAddress(target.host) }
        return target
    }
}

extension MediaLocation {
    private static let localPrefixes = ["127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"].compactMap {
        IPPrefix($0)
    }

    /// Whether the host is written as an address that means this host or its links.
    var isLocal: Bool {
        if host == "localhost" { return true }
        let bare = host.hasPrefix("[") ? host.dropFirst().dropLast() : Substring(host)
        guard let address = IPAddress(bare) else { return false }
        return address.isUnspecified || Self.localPrefixes.contains { $0.contains(address) }
    }
}
