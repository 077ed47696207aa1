import Clockwork
import Wire

/// "This client, with this token, wants to watch": asked on a client's behalf, by a replication point of its proxy and by a
/// proxy of its OTT servers (DESIGN flow 5).
package struct ClientChannelRequest: Codable, Hashable, Sendable {
    package var channel: ChannelKey
    /// As the client gave it.
    package var token: String
    /// As the replication point saw it.
    package var address: IPAddress

    package init(channel: ChannelKey, token: String, address: IPAddress) {
        self.channel = channel
        self.token = token
        self.address = address
    }
}

/// "Which channels may this client see?", asked on its behalf; answered by a `ChannelCatalogue`.
package struct ClientCatalogueRequest: Codable, Hashable, Sendable {
    package var token: String
    package var address: IPAddress

    package init(token: String, address: IPAddress) {
        self.token = token
        self.address = address
    }
}

/// Where a client that joined a channel gets it by unicast.
package struct UnicastRedirect: Codable, Hashable, Sendable {
    /// The master playlist at the client's proxy.
    package var playlist: String

    package init(playlist: String) {
        self.playlist = playlist
    }
}

/// What a proxy gives a client whose address holds a channel-join: its replication point, and a grant to open a session there.
package struct UnicastOffer: Codable, Hashable, Sendable {
    /// HTTP base of the replication point.
    package var replicationPoint: String
    package var grant: String
    /// Of the grant; the session it opens lasts as long as the authorization.
    package var expires: UnixTime
    /// With the replication point's URLs, each with the grant.
    package var mediaDescription: MediaDescription

    package init(
        replicationPoint: String, grant: String, expires: UnixTime, mediaDescription: MediaDescription
    ) {
        self.replicationPoint = replicationPoint
        self.grant = grant
        self.expires = expires
        self.mediaDescription = mediaDescription
    }
}

/// Paths of a channel's media, the same at every element that serves them.
package enum MediaPath {
    package static func masterPlaylist(_ channel: ChannelKey) -> String { "/live/\(channel)/master.m3u8" }

    package static func mediaPlaylist(_ channel: ChannelKey, rendition: String) -> String {
        "/live/\(channel)/\(rendition)/index.m3u8"
    }

    /// A continuous transport stream.
    package static func stream(_ channel: ChannelKey, rendition: String) -> String {
        "/live/\(channel)/\(rendition).ts"
    }

    package static func sessionDescription(_ channel: ChannelKey, rendition: String) -> String {
        "/live/\(channel)/\(rendition).sdp"
    }
}

extension MediaDescription {
    /// The same renditions with their media playlists elsewhere.
    package func relocated(_ url: (Rendition) -> String) -> MediaDescription {
        var moved = self
        moved.renditions = renditions.map { rendition in
            var moved = rendition
            moved.url = url(rendition)
            return moved
        }
        return moved
    }

    /// With the URLs of a replication point, each with `grant`.
    package func relocated(toReplicationPoint base: String, grant: String) -> MediaDescription {
        relocated { base + MediaPath.mediaPlaylist(channel, rendition: $0.name) + "?grant=" + grant }
    }
}
