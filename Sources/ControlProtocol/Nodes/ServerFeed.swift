import Clockwork

/// "Allocate a multicast resource to this channel": OTT server → proxy.
package struct AllocationIndication: Codable, Hashable, Sendable {
    package var channel: ChannelKey
    /// Counts the allocations this server asked of this proxy for this channel; a released one is asked for again with the next.
    package var serial: UInt64
    /// Absent when the proxy is to ask for it or has it stored.
    package var description: MediaDescription?
    /// Kept though nobody joins (DESIGN flow 6).
    package var isPreallocated: Bool

    package init(channel: ChannelKey, serial: UInt64, description: MediaDescription?, isPreallocated: Bool = false) {
        self.channel = channel
        self.serial = serial
        self.description = description
        self.isPreallocated = isPreallocated
    }
}

/// "This client may join this channel": OTT server → proxy.
package struct ChannelJoinIndication: Codable, Hashable, Sendable {
    package var subscriber: String
    package var binding: SubscriberBinding
    package var channel: ChannelKey
    /// The allocation it belongs to.
    package var serial: UInt64
    package var expires: UnixTime

    package init(
        subscriber: String, binding: SubscriberBinding, channel: ChannelKey, serial: UInt64, expires: UnixTime
    ) {
        self.subscriber = subscriber
        self.binding = binding
        self.channel = channel
        self.serial = serial
        self.expires = expires
    }
}

/// What an OTT server wants of one proxy.
package enum ServerFeedItem: FeedItem {
    case allocation(AllocationIndication)
    case channelJoin(ChannelJoinIndication)

    package var key: String {
        switch self {
        case .allocation(let indication): Self.allocationKey(indication.channel)
        case .channelJoin(let indication): Self.channelJoinKey(indication.channel, subscriber: indication.subscriber)
        }
    }

    package static func allocationKey(_ channel: ChannelKey) -> String { "allocation/\(channel)" }

    package static func channelJoinKey(_ channel: ChannelKey, subscriber: String) -> String {
        "channel-join/\(channel)/\(subscriber)"
    }
}
