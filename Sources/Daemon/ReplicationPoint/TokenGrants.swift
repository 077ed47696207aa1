import ControlProtocol
import Wire

/// Grants that clients' tokens brought, so that a player who sends its token with each request asks the OTT server once.
struct TokenGrants: Sendable {
    static let maximumEntries = 2_048
    /// Requests at the proxy at one time.
    static let maximumWaiting = 256

    struct Key: Hashable, Sendable {
        var token: String
        var channel: ChannelKey
        var address: IPAddress
    }

    private var grants: [Key: String] = [:]
    private var waiting = 0

    /// Forgets everything when it is full: whoever is concerned asks once more.
    subscript(key: Key) -> String? {
        get { grants[key] }
        set {
            if grants[key] == nil, grants.count >= Self.maximumEntries { grants = [:] }
            grants[key] = newValue
        }
    }

    /// False at the limit.
    mutating func begin() -> Bool {
        guard waiting < Self.maximumWaiting else { return false }
        waiting += 1
        return true
    }

    mutating func end() { waiting -= 1 }
}
