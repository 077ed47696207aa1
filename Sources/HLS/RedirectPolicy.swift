/// Which HTTP redirects a fetch may follow. The shell performs the requests; this decides.
package struct RedirectPolicy: Hashable, Sendable {
    package enum Refusal: Error, Hashable, Sendable {
        case tooMany(limit: Int)
        case malformed(LocationError)
        /// From `https` to `http`.
        case downgrade
        case otherHost(String)
    }

    /// Redirects in one fetch.
    package var maximumRedirects: Int
    /// Whether a redirect may lead to another host; without it an origin cannot point a proxy into its own network.
    package var allowsOtherHosts: Bool
    package var allowsDowngrade: Bool

    package init(maximumRedirects: Int = 5, allowsOtherHosts: Bool = false, allowsDowngrade: Bool = false) {
        self.maximumRedirects = maximumRedirects
        self.allowsOtherHosts = allowsOtherHosts
        self.allowsDowngrade = allowsDowngrade
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
        guard allowsDowngrade || current.scheme == .http || target.scheme == .https else { throw .downgrade }
        guard allowsOtherHosts || target.host == current.host else { throw .otherHost(target.host) }
        return target
    }
}
