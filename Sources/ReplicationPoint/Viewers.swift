import Clockwork
import ControlProtocol
import Wire

// What the unicast data path and the control plane of a replication point say to each other. The data path parses requests
// and moves media; whether, how long and for whom is decided here.

/// What a client shows to be let in, as it came.
package enum ViewerCredentials: Hashable, Sendable {
    /// The text after `grant=`: a `ViewerGrant` its proxy signed.
    case grant(String)
    /// The text after `token=` or `Authorization: Bearer`, for the OTT server to judge (DESIGN flow 5).
    case token(String)
    /// Nothing: only what the authorized list lets the address have, which is a burst ahead of a group it may join.
    case none
}

/// One HTTP request for a channel's media or its playlists.
package struct ViewerRequest: Hashable, Sendable {
    package enum Purpose: Hashable, Sendable {
        /// The master playlist: no rendition is wanted yet.
        case masterPlaylist
        /// A media playlist or a segment of `rendition`: each one keeps the rendition wanted for a while.
        case playlist(rendition: String)
        /// A continuous stream of `rendition`, whose begin and end are reported.
        case stream(rendition: String)
        /// A burst of `rendition` ahead of a group join; its begin and end are reported.
        case burst(rendition: String)

        package var rendition: String? {
            switch self {
            case .masterPlaylist: nil
            case .playlist(let rendition), .stream(let rendition), .burst(let rendition): rendition
            }
        }
    }

    package var channel: ChannelKey
    package var purpose: Purpose
    /// The other end of the connection, with an IPv4-mapped address as IPv4.
    package var address: IPAddress
    package var credentials: ViewerCredentials

    package init(channel: ChannelKey, purpose: Purpose, address: IPAddress, credentials: ViewerCredentials) {
        self.channel = channel
        self.purpose = purpose
        self.address = address
        self.credentials = credentials
    }
}

/// One subscriber who watches one channel by unicast from one address, with everything that serves it.
package struct ViewerSession: Hashable, Sendable {
    /// Never used again in this life of the replication point.
    package var id: UInt64
    package var subscriber: String
    package var channel: ChannelKey
    package var address: IPAddress
    /// Where the channel's renditions arrive; a session ends when its generation does.
    package var resource: MulticastResource
    /// Names, resolutions and bandwidths for the master playlist, best first.
    package var description: MediaDescription
    /// What the URLs of this session's playlists carry as `grant=`; nil for a burst that showed nothing.
    package var grant: String?

    package init(
        id: UInt64, subscriber: String, channel: ChannelKey, address: IPAddress, resource: MulticastResource,
        description: MediaDescription, grant: String?
    ) {
        self.id = id
        self.subscriber = subscriber
        self.channel = channel
        self.address = address
        self.resource = resource
        self.description = description
        self.grant = grant
    }

    package func resource(of rendition: String) -> RenditionResource? {
        resource.renditions.first { $0.rendition == rendition }
    }
}

/// Why a session was closed from here; the data path ends its connections and says nothing more to it.
package enum SessionEnd: String, Codable, Hashable, Sendable, CaseIterable {
    /// The authorization was withdrawn, or no longer names the address.
    case revoked
    /// The authorization's time is over.
    case expired
    /// The channel was allocated anew, or not at all any more.
    case generationChanged = "generation-changed"
    /// Nothing was asked of it for the idle timeout.
    case idle
}

/// What one open stream has done, for `show sessions`.
package struct StreamProgress: Hashable, Sendable {
    package var session: UInt64
    package var rendition: String
    package var bytes: UInt64
    /// Bits a second over the last seconds.
    package var bitRate: UInt64
    /// How far behind the newest packet the viewer is.
    package var behindLive: Duration

    package init(session: UInt64, rendition: String, bytes: UInt64, bitRate: UInt64, behindLive: Duration) {
        self.session = session
        self.rendition = rendition
        self.bytes = bytes
        self.bitRate = bitRate
        self.behindLive = behindLive
    }
}

/// What the data path asks of the control plane. All of it is safe to call from any task.
package protocol ViewerAdmission: Sendable {
    /// Opens a session or finds the one that stands; both count as use. A token is taken to the OTT server first, which
    /// may need some seconds; a grant, once its session stands, only names it, and may have expired since.
    ///
    /// - Throws: a problem to answer with as it is: 403 with a reason, 404 for what the channel map does not name, 429 or
    ///   503 at a limit.
    func admit(_ request: ViewerRequest) async throws(Problem) -> ViewerSession

    /// A stream or burst begins: its rendition's tree is wanted until `ended`.
    ///
    /// - Returns: false when the session was closed meanwhile: send nothing.
    func began(_ session: UInt64, rendition: String) async -> Bool

    /// Exactly once for each `began` that returned true, also after the session was closed.
    ///
    /// - Parameter bytes: sent on this stream.
    func ended(_ session: UInt64, rendition: String, bytes: UInt64) async

    /// Bytes of an answer to a request of purpose `playlist`, for `show sessions`.
    func sent(_ session: UInt64, bytes: UInt64) async

    /// The channel and rendition that arrive at this group and media port, by the channel map.
    func rendition(group: IPAddress, port: UInt16) async -> (channel: ChannelKey, rendition: String)?
}

/// What the control plane asks of the data path.
package protocol ViewerDelivery: Sendable {
    /// Ends every connection of the session at once; the last bytes of a stream are lost.
    func close(session: UInt64, reason: SessionEnd)

    /// All open streams.
    func progress() async -> [StreamProgress]

    /// For `show counters`.
    func counters() async -> [NamedCount]
}
