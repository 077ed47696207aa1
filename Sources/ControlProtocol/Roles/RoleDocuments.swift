/// `show channels`, sorted by key.
package struct ChannelsDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.channels/1"

    package var schema = ChannelsDocument.schemaName
    package var role: Element
    package var channels: [ChannelRow]

    package init(role: Element, channels: [ChannelRow]) {
        self.role = role
        self.channels = channels
    }
}

/// `show subscribers` of a role, sorted by name.
package struct SubscribersDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.subscribers/1"

    package var schema = SubscribersDocument.schemaName
    package var role: Element
    package var subscribers: [SubscriberRow]

    package init(role: Element, subscribers: [SubscriberRow]) {
        self.role = role
        self.subscribers = subscribers
    }
}

/// `show sessions`, sorted by kind, then name.
package struct SessionsDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.sessions/1"

    package var schema = SessionsDocument.schemaName
    package var role: Element
    package var sessions: [SessionRow]

    package init(role: Element, sessions: [SessionRow]) {
        self.role = role
        self.sessions = sessions
    }
}

/// `show feeds`, sorted by direction, then peer.
package struct FeedsDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.feeds/1"

    package var schema = FeedsDocument.schemaName
    package var role: Element
    package var feeds: [FeedRow]

    package init(role: Element, feeds: [FeedRow]) {
        self.role = role
        self.feeds = feeds
    }
}

/// `show counters` of a role, sorted by name; names are stable and kebab-case, such as `join-refused-not-entitled`.
package struct RoleCountersDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.role-counters/1"

    package var schema = RoleCountersDocument.schemaName
    package var role: Element
    package var counters: [NamedCount]

    package init(role: Element, counters: [NamedCount]) {
        self.role = role
        self.counters = counters
    }
}
