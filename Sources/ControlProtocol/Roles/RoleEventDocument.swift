import Clockwork

/// One line of `watch` from a role: something that happened. Fields that do not apply are left out.
package struct RoleEventDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.role-event/1"

    package var schema = RoleEventDocument.schemaName
    package var time: UnixTime
    package var role: Element
    /// A `RoleTopic`: what `watch` filters by.
    package var topic: String
    /// Past tense and kebab-case, for example `join-refused`.
    package var event: String
    package var channel: ChannelKey?
    package var subscriber: String?
    package var peer: String?
    package var reason: String?
    package var detail: String?

    package init(time: UnixTime, role: Element, topic: String, event: String) {
        self.time = time
        self.role = role
        self.topic = topic
        self.event = event
    }
}
