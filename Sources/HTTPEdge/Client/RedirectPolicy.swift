import FoundationEssentials
import Wire

/// Where a fetch may be sent on to (RFC 9110 §15.4).
package enum RedirectPolicy: Hashable, Sendable {
    case none
    /// Only within the host and port that was asked.
    case sameOrigin
    /// To any host by http or https, but not from https down to http, and not from elsewhere to an address of this host
    /// or its links: a hostile origin must not reach what only we can.
    case anyHost
}

/// The parts of an http or https URL that decide about a redirect.
struct FetchTarget: Hashable {
    let url: String
    let scheme: String
    let host: String
    let port: Int

    /// Nil when `text` is no absolute http or https URL with a host.
    init?(_ text: String) {
        guard let url = URL(string: text) else { return nil }
        self.init(url)
    }

    private init?(_ url: URL) {
        guard let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = url.host(), !host.isEmpty
        else { return nil }
        self.url = url.absoluteString
        self.scheme = scheme
        self.host = host.lowercased()
        port = url.port ?? (scheme == "https" ? 443 : 80)
    }

    /// The target of a `Location` found here; nil when it is none, or the policy forbids it.
    func redirected(to location: String, policy: RedirectPolicy) -> FetchTarget? {
        guard let base = URL(string: url), let resolved = URL(string: location, relativeTo: base),
            let target = FetchTarget(resolved.absoluteURL)
        else { return nil }
        switch policy {
        case .none: return nil
        case .sameOrigin:
            return target.scheme == scheme && target.host == host && target.port == port ? target : nil
        case .anyHost:
            if scheme == "https", target.scheme == "http" { return nil }
            return target.isLocal && !isLocal ? nil : target
        }
    }

    /// Whether the host is written as an address that means this host or its links.
    private var isLocal: Bool {
        if host == "localhost" { return true }
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        guard let address = IPAddress(bare) else { return false }
        return address.isUnspecified || Self.local.contains { $0.contains(address) }
    }

    private static let local = ["127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"].compactMap { IPPrefix($0) }
}
