import Clockwork
import Wire

/// A router heard by Hello on one interface.
package struct PIMNeighbor: Sendable, Equatable {
    package let interface: InterfaceIndex
    /// The primary address: the source of its Hellos.
    package let address: IPAddress
    package internal(set) var secondaryAddresses: [IPAddress] = []
    /// When it was first heard, or heard again after a restart.
    package internal(set) var since: Instant
    /// When it is forgotten unless it is heard again; nil means never.
    package internal(set) var expires: Instant?
    package internal(set) var generationID: UInt32?
    /// Nil when the neighbour takes no part in election by priority.
    package internal(set) var drPriority: UInt32?
    package internal(set) var lanPruneDelay: LANPruneDelay?
    /// Whether it is the link's designated router.
    package internal(set) var isDR = false

    package func uptime(at now: Instant) -> Duration { now - since }

    /// How a Hello without a holdtime option is understood (RFC 7761 §4.11).
    static let defaultHoldtime: UInt16 = 105

    mutating func take(_ hello: Hello, now: Instant) {
        let holdtime = hello.holdtime ?? Self.defaultHoldtime
        expires = holdtime == Hello.holdtimeForever ? nil : now + .seconds(Int64(holdtime))
        generationID = hello.generationID
        drPriority = hello.drPriority
        lanPruneDelay = hello.lanPruneDelay
    }
}
