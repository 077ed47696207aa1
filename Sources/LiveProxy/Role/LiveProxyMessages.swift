import Channels
import ControlProtocol
import Wire

/// What happens to a live proxy.
package enum LiveProxyInput: Hashable, Sendable {
    /// The connection to an OTT server stands: it wants the whole report.
    case serverConnected(server: String)
    case serverFeed(server: String, message: FeedMessage<ServerFeedItem>)
    case replicationPointRegistered(ReplicationPointRegistration)
    /// A replication point follows from where it stands; answered by `publish` unless held.
    case feedOpened(point: String, position: FeedPosition?)
    case feedClosed(point: String)
    case replicationPointReported(point: String, report: ReplicationPointReport)
    /// The router on this host accepted us, and may have missed anything.
    case routerWantsSnapshot
    case routerDisconnected
    case routerDemand([TreeDemand])
    case mediaDescription(MediaDescription)
    case mediaDescriptionFailed(channel: ChannelKey)
    case tick
}

/// What a live proxy wants done, in this order within one input.
package enum LiveProxyAction: Hashable, Sendable {
    /// To be on disk before any later action is performed.
    case persist(LiveProxyState)
    case stopIngest(channel: ChannelKey, generation: UInt64)
    case router(FeedMessage<RouterFeedItem>)
    case startIngest(IngestOrder)
    case fetchDescription(server: String, channel: ChannelKey)
    case publish(point: String, message: FeedMessage<ProxyFeedItem>)
    /// `report(to:)` has changed.
    case reportDue(server: String)
    /// The feed lost its place: connect again without a position.
    case resynchronize(server: String)
    /// The input came from someone who waits for an answer, and this is it.
    case refuse(Problem)
    case event(LiveProxyEvent)
}

/// A channel to pull and send.
package struct IngestOrder: Hashable, Sendable {
    package struct Rendition: Hashable, Sendable {
        package var rendition: ControlProtocol.Rendition
        package var resource: RenditionResource
    }

    package var channel: ChannelKey
    package var generation: UInt64
    package var renditions: [Rendition]
}

/// What an operator may want to know of, for logs and `watch`.
package enum LiveProxyEvent: Codable, Hashable, Sendable {
    case allocated(channel: ChannelKey, generation: UInt64)
    case refused(channel: ChannelKey, reason: String)
    /// `reason`: `idle`, `last-leave`, `withdrawn`, `description-changed`.
    case released(channel: ChannelKey, generation: UInt64, reason: String)
    case firstViewer(channel: ChannelKey)
    case lastViewer(channel: ChannelKey)
    case replicationPointRegistered(name: String)
    case replicationPointExpired(name: String)
    case feedsOpened(afterHold: Bool)
    case feedLost(server: String, reason: String)
}

/// What must survive a restart: which group belongs to whom, and up to where generations were given out.
package struct LiveProxyState: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.live-proxy-state/1"

    package struct Channel: Codable, Hashable, Sendable {
        package var server: String
        package var channel: ChannelKey
        package var serial: UInt64
        package var preallocation: Preallocation?
        package var description: MediaDescription

        package init(
            server: String, channel: ChannelKey, serial: UInt64, preallocation: Preallocation?,
            description: MediaDescription
        ) {
            self.server = server
            self.channel = channel
            self.serial = serial
            self.preallocation = preallocation
            self.description = description
        }
    }

    package var schema = LiveProxyState.schemaName
    package var allocator: AllocatorState
    /// In the order of their keys.
    package var channels: [Channel]

    package init(allocator: AllocatorState, channels: [Channel] = []) {
        self.allocator = allocator
        self.channels = channels
    }
}

/// What a live proxy has done since it started.
package struct LiveProxyCounters: Hashable, Sendable {
    package internal(set) var allocations: UInt64 = 0
    package internal(set) var allocationsRefused: [AllocationRefusal: UInt64] = [:]
    package internal(set) var releasedIdle: UInt64 = 0
    package internal(set) var releasedLastLeave: UInt64 = 0
    package internal(set) var releasedWithdrawn: UInt64 = 0
    /// Channel-join indications whose allocation is not the one that stands.
    package internal(set) var joinsOutdated: UInt64 = 0
    package internal(set) var joinsOverLimit: UInt64 = 0
    package internal(set) var feedsLost: UInt64 = 0
    package internal(set) var registrationsRefused: UInt64 = 0
    package internal(set) var reportsOutdated: UInt64 = 0
    package internal(set) var unknownInputs: UInt64 = 0
    /// Unicast viewers sent to their replication points.
    package internal(set) var offers: UInt64 = 0
    /// By problem code.
    package internal(set) var offersRefused: [String: UInt64] = [:]

    /// In the order of their names.
    package var all: [NamedCount] {
        let refusals = AllocationRefusal.allCases.map {
            ("allocation-refused-\($0.rawValue)", allocationsRefused[$0] ?? 0)
        }
        let others = [
            ("allocations", allocations), ("released-idle", releasedIdle), ("released-last-leave", releasedLastLeave),
            ("released-withdrawn", releasedWithdrawn), ("joins-outdated", joinsOutdated),
            ("joins-over-limit", joinsOverLimit), ("feeds-lost", feedsLost),
            ("registrations-refused", registrationsRefused), ("reports-outdated", reportsOutdated),
            ("unknown-inputs", unknownInputs), ("offers", offers),
        ]
        let refusedOffers = offersRefused.map { ("offers-refused-\($0.key)", $0.value) }
        return (refusals + others + refusedOffers).map { NamedCount(name: $0.0, count: $0.1) }.sorted {
            $0.name < $1.name
        }
    }
}
