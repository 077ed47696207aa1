import RTP

/// Who asked for which packet of a stream lately, to tell a loss of one line from one above them all.
struct RecentDemand: Sendable {
    private static let size = 256
    /// Clients up to this many are told apart; more are counted by their requests.
    static let distinctClients = 64

    private struct Entry: Sendable {
        var sequence: UInt16 = 0
        var count: UInt16 = 0
        /// A bit for each client's place.
        var askers: UInt64 = 0
        var lastAsked = Int64.min / 2
        var sentToGroup = Int64.min / 2
    }

    private var entries = [Entry](repeating: Entry(), count: size)

    /// Notes a request; answers how many clients have asked for the packet within `memory` nanoseconds.
    mutating func note(
        _ sequence: UInt16, by client: Int, activeClients: Int, now: Int64, memory: Int64
    ) -> Int {
        let index = Int(sequence) % Self.size
        if entries[index].sequence != sequence || now - entries[index].lastAsked > memory {
            entries[index] = Entry(sequence: sequence)
        }
        entries[index].lastAsked = now
        let bit: UInt64 = 1 << UInt64(client % Self.distinctClients)
        let isKnown = activeClients <= Self.distinctClients && entries[index].askers & bit != 0
        entries[index].askers |= bit
        if !isKnown, entries[index].count < .max { entries[index].count += 1 }
        return Int(entries[index].count)
    }

    mutating func noteSentToGroup(_ sequence: UInt16, now: Int64) {
        let index = Int(sequence) % Self.size
        if entries[index].sequence == sequence { entries[index].sentToGroup = now }
    }

    /// Whether the group got the packet within `memory` nanoseconds.
    func wasSentToGroup(_ sequence: UInt16, now: Int64, memory: Int64) -> Bool {
        let entry = entries[Int(sequence) % Self.size]
        return entry.sequence == sequence && now - entry.sentToGroup <= memory
    }
}
