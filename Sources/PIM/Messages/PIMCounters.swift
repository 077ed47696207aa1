/// What one interface received, sent and refused since it was added.
package struct PIMCounters: Sendable, Equatable {
    package internal(set) var hellosReceived: UInt64 = 0
    package internal(set) var joinPrunesReceived: UInt64 = 0
    package internal(set) var assertsReceived: UInt64 = 0
    package internal(set) var hellosSent: UInt64 = 0
    package internal(set) var joinPrunesSent: UInt64 = 0
    private var refused = [UInt64](repeating: 0, count: PIMError.allCases.count)

    package init() {}

    /// How many packets or entries were refused for `reason`.
    package subscript(reason reason: PIMError) -> UInt64 { refused[reason.rawValue] }

    /// Every reason that occurred, in the order of `PIMError`.
    package var refusals: [(reason: PIMError, count: UInt64)] {
        PIMError.allCases.filter { self[reason: $0] > 0 }.map { ($0, self[reason: $0]) }
    }

    mutating func refuse(_ reason: PIMError) {
        refused[reason.rawValue] &+= 1
    }
}
