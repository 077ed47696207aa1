import Authorization

/// What an OTT server has done since it started.
package struct OTTServerCounters: Codable, Hashable, Sendable {
    package internal(set) var joins: UInt64 = 0
    package internal(set) var joinsAnswered: UInt64 = 0
    /// By problem code.
    package internal(set) var joinsRefused: [String: UInt64] = [:]
    /// By `AuthorizationRefusal`.
    package internal(set) var refusals: [String: UInt64] = [:]
    package internal(set) var allocationsAsked: UInt64 = 0
    package internal(set) var allocationsReleased: UInt64 = 0
    package internal(set) var authorizationsRevoked: UInt64 = 0
    package internal(set) var authorizationsExpired: UInt64 = 0
    package internal(set) var registrationsRefused: UInt64 = 0
    package internal(set) var reportsRefused: UInt64 = 0
    /// Reports of another epoch than the feed's, which a restart leaves on the way.
    package internal(set) var reportsOutdated: UInt64 = 0
    package internal(set) var proxiesExpired: UInt64 = 0
    package internal(set) var storeFailures: UInt64 = 0

    package init() {}
}
