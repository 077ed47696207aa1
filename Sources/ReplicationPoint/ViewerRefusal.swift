import ControlProtocol

/// Why a unicast viewer is not served; the raw value is the reason in problems, counters and `explain`.
package enum ViewerRefusal: String, Error, Codable, Hashable, Sendable, CaseIterable {
    case unknownChannel = "unknown-channel"
    case unknownRendition = "unknown-rendition"
    case noGrant = "no-grant"
    case grantTooLarge = "grant-too-large"
    case grantMalformed = "grant-malformed"
    case grantUnknownKey = "grant-unknown-key"
    case grantBadSignature = "grant-bad-signature"
    case grantExpired = "grant-expired"
    case wrongChannel = "wrong-channel"
    case wrongAddress = "wrong-address"
    case oldGeneration = "old-generation"
    /// The authorized list does not hold the subscriber at the address, or no longer.
    case revoked
    case tooManySessions = "too-many-sessions"
    case tooManySessionsOfSubscriber = "too-many-sessions-of-subscriber"
    case tooManyStreams = "too-many-streams"

    package init(_ refusal: GrantRefusal) {
        self =
            switch refusal {
            case .tooLarge: .grantTooLarge
            case .malformed: .grantMalformed
            case .unknownKey: .grantUnknownKey
            case .badSignature: .grantBadSignature
            }
    }

    package var status: Int {
        switch self {
        case .unknownChannel, .unknownRendition: 404
        case .tooManySessions: 503
        case .tooManySessionsOfSubscriber, .tooManyStreams: 429
        case .noGrant, .grantTooLarge, .grantMalformed, .grantUnknownKey, .grantBadSignature, .grantExpired,
            .wrongChannel, .wrongAddress, .oldGeneration, .revoked:
            403
        }
    }

    package func problem(_ channel: ChannelKey) -> Problem {
        let (title, detail) = words(channel)
        return Problem(code: rawValue, status: status, title: title, detail: detail)
    }

    private func words(_ channel: ChannelKey) -> (title: String, detail: String) {
        let again = "Ask the OTT server for the channel again."
        switch self {
        case .unknownChannel:
            return ("\(channel) is not carried here.", "Ask the OTT server for the channel: it has it carried.")
        case .unknownRendition:
            return ("\(channel) has no such rendition.", "Fetch the master playlist for those there are.")
        case .noGrant: return ("The request shows no grant.", "Begin with the OTT server's URL of the channel.")
        case .grantTooLarge, .grantMalformed: return ("The grant is none.", "Use the URL as it was given.")
        case .grantUnknownKey: return ("The grant is signed with a key that is not this network's.", again)
        case .grantBadSignature: return ("The grant's signature is wrong.", "Use the URL as it was given.")
        case .grantExpired: return ("The grant has expired.", again)
        case .wrongChannel: return ("The grant is for another channel.", again)
        case .wrongAddress: return ("The grant is for another address.", "Each device has to ask by itself. " + again)
        case .oldGeneration: return ("The grant is for an earlier allocation of \(channel).", again)
        case .revoked: return ("The subscriber may not watch \(channel) from this address, or no longer.", again)
        case .tooManySessions: return ("This replication point serves as many viewers as it may.", "Try again later.")
        case .tooManySessionsOfSubscriber:
            return ("The subscriber watches as many channels at once as it may.", "Stop one of them.")
        case .tooManyStreams:
            return ("The session has as many streams open as it may.", "Close one of its connections.")
        }
    }
}
