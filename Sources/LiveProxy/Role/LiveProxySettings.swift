import Channels
import Clockwork
import ControlProtocol
import Wire

/// What a live proxy is told by its configuration.
package struct LiveProxySettings: Hashable, Sendable {
    /// OTT servers by the names the shell uses for them.
    package var servers: [String]
    /// S of everything it sends.
    package var source: IPAddress
    package var pools: [GroupPool]
    /// Pool by channel, where it is not the first one.
    package var channelPools: [ChannelKey: String]
    /// Repair by pool, and by channel where that has its own.
    package var poolRepairs: [String: RepairPolicy] = [:]
    package var channelRepairs: [ChannelKey: RepairPolicy] = [:]
    /// For channels whose server sends none.
    package var storedDescriptions: [ChannelKey: MediaDescription]
    /// What replication points verify this proxy's grants with; nil where it signs none.
    package var grantKey: GrantKey?
    package var idleTimeout: Duration = .seconds(60)
    package var linger: Duration = .seconds(5)
    package var quarantine: Duration = .seconds(60)
    package var replicationPointExpiry: Duration = .seconds(15)
    /// How long after a start replication points wait for servers that are silent.
    package var holdLimit: Duration = .seconds(30)
    /// How long a media description may take to come.
    package var descriptionTimeout: Duration = .seconds(5)
    /// How long after a router came back a channel's demand may be missing: neighbours have to repeat their joins.
    package var routerSettlingTime: Duration = .seconds(75)
    package var maximumChannels = 1_000
    package var maximumAuthorizedSubscribers = 200_000
    package var maximumReplicationPoints = 256

    package init(
        servers: [String], source: IPAddress, pools: [GroupPool], channelPools: [ChannelKey: String] = [:],
        storedDescriptions: [ChannelKey: MediaDescription] = [:]
    ) {
        self.servers = servers
        self.source = source
        self.pools = pools
        self.channelPools = channelPools
        self.storedDescriptions = storedDescriptions
    }

    /// What goes with each rendition that is protected, by name.
    func repair(of channel: ChannelKey, _ renditions: [Rendition]) -> [String: ForwardErrorCorrection] {
        let pool = channelPools[channel] ?? pools.first?.name ?? ""
        guard let policy = channelRepairs[channel] ?? poolRepairs[pool] else { return [:] }
        let chosen = renditions.compactMap { rendition in
            policy.fec(bandwidth: rendition.bandwidth).map { (rendition.name, $0) }
        }
        return Dictionary(chosen, uniquingKeysWith: { first, _ in first })
    }
}
