import Clockwork

/// The answer to a channel-join request.
package struct JoinAnswer: Codable, Hashable, Sendable {
    package var mediaDescription: MediaDescription
    package var resource: MulticastResource
    /// The client asks again before then.
    package var expires: UnixTime
    /// Absent where the client's proxy serves no HTTP.
    package var unicast: UnicastRedirect?

    package init(
        mediaDescription: MediaDescription, resource: MulticastResource, expires: UnixTime,
        unicast: UnicastRedirect? = nil
    ) {
        self.mediaDescription = mediaDescription
        self.resource = resource
        self.expires = expires
        self.unicast = unicast
    }
}

/// The answer to a request for all channels, by name.
package struct ChannelCatalogue: Codable, Hashable, Sendable {
    package var channels: [MediaDescription]

    package init(channels: [MediaDescription]) {
        self.channels = channels
    }
}

/// A refusal in the form of RFC 9457 (`application/problem+json`).
package struct Problem: Codable, Hashable, Sendable, Error {
    /// Machine-readable and stable, e.g. `not-entitled`.
    package var code: String
    package var status: Int
    package var title: String
    /// What to do next.
    package var detail: String

    package init(code: String, status: Int, title: String, detail: String) {
        self.code = code
        self.status = status
        self.title = title
        self.detail = detail
    }
}
