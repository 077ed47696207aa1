import Clockwork
import Wire

/// One line of `watch`: something that happened in the router. Fields that do not apply are left out.
package struct RouterEventDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.router-event/1"

    package var schema = RouterEventDocument.schemaName
    package var time: UnixTime
    /// `memberships`, `routes`, `neighbors`, `interfaces`, `owners`: what `watch` filters by.
    package var topic: String
    /// For example `member-admitted`; kebab-case.
    package var event: String
    package var interface: String?
    package var bridgePort: String?
    package var source: IPAddress?
    package var group: IPAddress?
    package var hostAddress: IPAddress?
    package var subscriber: String?
    package var owner: String?
    package var reason: String?
    package var detail: String?

    package init(time: UnixTime, topic: String, event: String) {
        self.time = time
        self.topic = topic
        self.event = event
    }
}
