import Clockwork
import Wire

/// The group-specific and group-and-source-specific queries that one group still owes (RFC 3376 §6.6.3).
struct LastMemberQuery: Sendable {
    struct PendingSource: Sendable {
        let address: IPAddress
        var remaining: Int
    }

    /// More sources than these are asked about by one query of the whole group, which every host answers in full.
    static let maxSources = 1024

    private(set) var groupRemaining = 0
    /// The group query stands for sources that were too many to list.
    private(set) var groupStandsForSources = false
    /// Sorted by address.
    private(set) var sources: [PendingSource] = []
    /// When the next transmission is due; nil when none is owed.
    private(set) var next: Instant?
    private var lastSent: Instant?

    /// When a check that is asked for now starts: with the running one's next query, so that leaves in quick
    /// succession do not multiply queries.
    func start(now: Instant, interval: Duration) -> Instant {
        guard let lastSent else { return now }
        return max(now, lastSent + interval)
    }

    mutating func ask(group: Bool, sources asked: [IPAddress], count: Int, start: Instant) {
        next = start
        if group { groupRemaining = count }
        guard sources.count + asked.count <= Self.maxSources else {
            groupRemaining = count
            groupStandsForSources = true
            sources = []
            return
        }
        for address in asked {
            let index = sources.firstIndex { $0.address >= address } ?? sources.endIndex
            if index < sources.endIndex, sources[index].address == address {
                sources[index].remaining = count
            } else {
                sources.insert(PendingSource(address: address, remaining: count), at: index)
            }
        }
    }

    /// Drops what nobody is leaving any more.
    mutating func retain(group: Bool, where isNeeded: (IPAddress) -> Bool) {
        if !group { groupRemaining = 0 }
        sources.removeAll { !isNeeded($0.address) }
        if groupRemaining == 0, sources.isEmpty { cancel() }
    }

    /// Notes one transmission of everything pending.
    mutating func sent(now: Instant, interval: Duration) {
        lastSent = now
        groupRemaining = max(groupRemaining - 1, 0)
        for index in sources.indices { sources[index].remaining -= 1 }
        sources.removeAll { $0.remaining <= 0 }
        if groupRemaining == 0, sources.isEmpty { cancel() } else { next = now + interval }
    }

    mutating func cancel() {
        groupRemaining = 0
        groupStandsForSources = false
        sources = []
        next = nil
    }
}
