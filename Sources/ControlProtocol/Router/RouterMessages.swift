import Wire

/// What is sent to the router, one JSON object a line.
package struct RouterRequest: Codable, Hashable, Sendable {
    package enum Body: Codable, Hashable, Sendable {
        /// Answered by `document` with an `ElementDescription`, as roles do, so that a tool can tell sockets apart.
        case describe
        /// Makes this connection the writer of `owner`'s entries; a newer connection of the same owner takes over.
        case own(owner: String)
        /// Answered by `applied` once the kernel's table reflects it.
        case feed(message: FeedMessage<RouterFeedItem>)
        /// Answered by `document`: groups, subscribers, interfaces, neighbors, routes, counters, status.
        case show(topic: String)
        /// Answered by `event` lines until the connection closes.
        case watch(topics: [String])
        /// Answered by `document` with the steps from report to packet.
        case explain(subscriber: String, tree: SourceGroup)
        /// Owners alone. Answered by `delivery`, with which a new packet socket on the far end of the delivery interface
        /// is passed (SCM_RIGHTS).
        case openDelivery
    }

    /// Chosen by the requester; answers repeat it.
    package var id: UInt64
    package var body: Body

    package init(id: UInt64, body: Body) {
        self.id = id
        self.body = body
    }
}

/// What the router answers, one JSON object a line. `Document` and event payloads are JSON text made by the router's own
/// show types (see `Show/`), so that the envelope needs no knowledge of them.
package struct RouterReply: Codable, Hashable, Sendable {
    package enum Body: Codable, Hashable, Sendable {
        case done
        case applied(position: FeedPosition)
        /// Sent unasked to the owner of a local tree: all of its trees once after `own`, then each change.
        case demand(trees: [TreeDemand])
        case document(json: String)
        case event(json: String)
        /// The descriptor comes with this line. It outlives the router: as long as `interface` exists, packets arrive.
        case delivery(interface: String)
        case problem(Problem)
    }

    package var id: UInt64
    package var body: Body

    package init(id: UInt64, body: Body) {
        self.id = id
        self.body = body
    }
}
