import Clockwork

/// What the router counted since it started, beside what its interfaces and protocols count.
package struct RouterCounters: Sendable, Equatable {
    /// Packets that came in where the protocol is not configured or the interface is not there.
    package internal(set) var strayPackets: UInt64 = 0
    package internal(set) var admitted: UInt64 = 0
    package internal(set) var upcallsWithoutEntry: UInt64 = 0
    package internal(set) var upcallsOnWrongInterface: UInt64 = 0
    /// Upcalls that no entry can follow from: an unusable address, an interface that is not routed on.
    package internal(set) var upcallsIgnored: UInt64 = 0
    package internal(set) var treeLimit: UInt64 = 0
    package internal(set) var refusedMembershipLimit: UInt64 = 0
    package internal(set) var virtualInterfaceLimit: UInt64 = 0
    package internal(set) var feedProblems: UInt64 = 0
    /// How often the calendar went back.
    package internal(set) var clockSteps: UInt64 = 0
    private var refused = [UInt64](repeating: 0, count: RefusalReason.allCases.count)

    /// How often a membership was refused for this reason.
    package subscript(reason: RefusalReason) -> UInt64 { refused[reason.rank] }

    mutating func count(_ reason: RefusalReason) { refused[reason.rank] &+= 1 }
}
