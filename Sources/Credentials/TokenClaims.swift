import Authorization
import Clockwork
import ControlProtocol
import FoundationEssentials
import JWTKit
import Wire

/// What a client's token says (RFC 7519), in the claims' own names.
package struct TokenClaims: JWTPayload, Hashable {
    package var sub: String
    package var iss: String
    package var aud: AudienceClaim
    /// Seconds since 1970, as every date here.
    package var exp: Double
    package var nbf: Double?
    package var iat: Double?
    /// The only channels it opens; absent for all the subscriber is entitled to.
    package var channels: [ChannelScope]?
    /// The only addresses it may be used from; absent for any.
    package var addresses: [IPPrefix]?

    package init(
        subscriber: String, issuer: String, audience: String, issuedAt: UnixTime, expires: UnixTime,
        notBefore: UnixTime? = nil, channels: [ChannelScope]? = nil, addresses: [IPPrefix]? = nil
    ) {
        sub = subscriber
        iss = issuer
        aud = AudienceClaim(value: audience)
        iat = Double(issuedAt.milliseconds / 1_000)
        exp = Double(expires.milliseconds / 1_000)
        nbf = notBefore.map { Double($0.milliseconds / 1_000) }
        self.channels = channels
        self.addresses = addresses
    }

    /// Times and names are judged by `TokenVerifier`, against a clock it is handed.
    package func verify(using algorithm: some JWTAlgorithm) {}

    package static func == (left: TokenClaims, right: TokenClaims) -> Bool {
        left.sub == right.sub && left.iss == right.iss && left.aud.value == right.aud.value && left.exp == right.exp
            && left.nbf == right.nbf && left.iat == right.iat && left.channels == right.channels
            && left.addresses == right.addresses
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(sub)
        hasher.combine(exp)
    }
}

extension UnixTime {
    /// Nil when `seconds` lies outside the years 1970 to 9999, as a number from outside may.
    init?(claim seconds: Double) {
        guard seconds.isFinite, (0...253_402_300_799).contains(seconds) else { return nil }
        self.init(milliseconds: Int64(seconds * 1_000))
    }
}
