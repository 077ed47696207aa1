import Clockwork

/// What one run is made of; equal options make equal runs.
package struct SimulationOptions: Sendable {
    package var seed: UInt64
    /// How many things happen before the network is left to settle.
    package var steps = 60
    package var cast = Cast.routers
    package var fault = Fault.none
    /// Called with a line for everything that happens.
    package var trace: (@Sendable (String) -> Void)?

    package init(seed: UInt64) {
        self.seed = seed
    }
}

/// Which cores play; everything else is played by the simulation.
package enum Cast: String, Sendable, CaseIterable {
    /// Routers alone: their owners are played, so that any authorization may come at any time.
    case routers
    /// OTT server, live proxy and replication points too: joins go the whole way.
    case system
}

/// Something broken on purpose outside the cores, to see that the invariants notice.
package enum Fault: String, Sendable, CaseIterable {
    case none
    /// The kernel copies every stream to one port more.
    case extraOutput = "extra-output"
    /// The kernel confirms removals and changes that it does not make.
    case lostChanges = "lost-changes"
    /// Hosts' reports never reach the replication points.
    case lostReports = "lost-reports"
}

/// A rule that did not hold.
package struct Violation: Sendable, Equatable, CustomStringConvertible {
    package var rule: String
    package var detail: String
    package var time: Instant

    package var description: String { "\(time) \(rule): \(detail)" }
}

package struct SimulationReport: Sendable {
    package var seed: UInt64
    package var hash: UInt64
    package var events = 0
    package var packetsDelivered = 0
    package var violations: [Violation] = []
    package var ended = Instant.zero
    /// How often each kind of thing happened, by name.
    package var happenings: [String: Int] = [:]
}
