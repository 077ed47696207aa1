import Clockwork

/// A channel that is kept allocated though nobody joins (DESIGN flow 6).
package enum Preallocation: String, Codable, Hashable, Sendable, CaseIterable {
    /// Groups alone: nothing is pulled before the first join.
    case cold
    /// Pulled all the time, so that the first viewer need not wait for it; the backbone carries nothing before the join.
    case warm
}

/// "Allocate a multicast resource to this channel": OTT server → proxy.
package struct AllocationIndication: Codable, Hashable, Sendable {
    package var channel: ChannelKey
    /// Counts the allocations this server asked of this proxy for this channel; a released one is asked for again with the next.
    package var serial: UInt64
    /// Absent when the proxy is to ask for it or has it stored.
    package var description: MediaDescription?
    /// Absent for a channel that is released when nobody is left.
    package var preallocation: Preallocation?

    package init(
        channel: ChannelKey, serial: UInt64, description: MediaDescription?, preallocation: Preallocation? = nil
    ) {
        self.channel = channel
        self.serial = serial
        self.description = description
        self.preallocation = preallocation
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
