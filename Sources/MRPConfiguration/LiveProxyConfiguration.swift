import Clockwork
import ControlProtocol
import Wire

/// What the `live-proxy` role reads of the file.
package struct LiveProxyConfiguration: Hashable, Sendable {
    package static let defaultControlSocket = "/run/mrp/live-proxy.sock"
    package static let maximumServers = 16

    /// `https://host:port` of each OTT server.
    package var ottServers: [String]
    /// Where replication points register and follow; mutual TLS.
    package var nodeAddress: ListenEndpoint
    /// Where unicast viewers are told their replication point; nil serves none.
    package var clientAddress: ListenEndpoint?
    /// The URL that reaches `clientAddress`, which the OTT server redirects to.
    package var httpBase: String?
    /// The address it registers with its OTT servers.
    package var address: IPAddress
    /// Whose clients it serves.
    package var prefixes: [IPPrefix]
    package var routerSocket: String
    package var controlSocket: String
    /// Folder of what must survive a restart.
    package var state: String
    package var source: MediaSourceConfiguration
    package var pools: [PoolConfiguration]
    /// Pool by channel, where it is not the first one.
    package var channelPools: [ChannelKey: String]
    /// Repair by channel, where it is not its pool's.
    package var channelRepairs: [ChannelKey: RepairConfiguration]
    /// How long an allocation waits for its first viewer.
    package var idleTimeout: Duration
    /// How long ingest goes on after the last output port has gone.
    package var linger: Duration
    /// How long a freed group rests.
    package var quarantine: Duration
    /// How long a replication point counts as registered without a sign of life.
    package var replicationPointExpiry: Duration
    package var fetch: FetchConfiguration
    /// Stored beforehand, for channels whose server sends none.
    package var mediaDescriptions: [MediaDescription]
    package var limits: LiveProxyLimits
    package var tls: TLSConfiguration?
}

/// How the proxy's own packets leave.
package struct MediaSourceConfiguration: Hashable, Sendable {
    package var interface: String
    /// S of every (S,G) this proxy sends.
    package var address: IPAddress
    package var dscp: Int
    package var ttl: Int
    /// Of the narrowest link to a viewer; a packet is never fragmented.
    package var mtu: Int
    /// The longest stretch of a rendition that one GSO train carries.
    package var trainSpan: Duration
}

/// A range of groups and how they are given out.
package struct PoolConfiguration: Hashable, Sendable {
    package var name: String
    package var layout: ResourceLayout
    package var addressing: AddressingMode
    package var groups: IPPrefix
    /// Even.
    package var firstPort: UInt16
    /// Nil repairs nothing.
    package var repair: RepairConfiguration?
}

/// How the losses of a network are repaired.
package struct RepairConfiguration: Hashable, Sendable {
    package var fec: FECConfiguration?
}

/// Forward error correction (SMPTE ST 2022-1).
package struct FECConfiguration: Hashable, Sendable {
    /// How long receivers wait for a missing packet to be mended.
    package var latency: Duration
    /// Nil chooses one by each rendition's bit rate.
    package var matrix: FECMatrix?
}

/// What the proxy tolerates of an origin.
package struct FetchConfiguration: Hashable, Sendable {
    package var connectTimeout: Duration
    package var requestTimeout: Duration
    package var maximumRedirects: Int
    package var maximumPlaylistBytes: Int
    package var maximumSegmentBytes: Int
    package var connectionsPerHost: Int
    /// Hosts that renditions and redirects may name; empty allows all.
    package var allowedHosts: [String]
}

/// Bounds of the live proxy's tables.
package struct LiveProxyLimits: Hashable, Sendable {
    package var channels: Int
    package var authorizedSubscribers: Int
    package var replicationPoints: Int
}
