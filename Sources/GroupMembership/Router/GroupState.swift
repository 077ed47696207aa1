import Clockwork
import Wire

/// All host records of one group on one interface, and the queries it owes.
struct GroupState: Sendable {
    let group: IPAddress
    /// In the order of `keys`.
    private(set) var records: [HostRecord] = []
    /// Sorted: by port, then host. Apart from the records, so that a search stays within a few cache lines.
    private var keys: [HostKey] = []
    private(set) var query = LastMemberQuery()
    /// No timer of the group ends before this.
    private var wake: Instant?
    /// When the table's timer for this group is set.
    private var scheduled: Instant?
    /// Records of hosts that speak an older version; most groups have none, which spares a search on every report.
    private(set) var olderHosts = 0

    init(group: IPAddress) {
        self.group = group
    }

    var isEmpty: Bool { keys.isEmpty }

    func position(of key: HostKey) -> (index: Int, isPresent: Bool) {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < keys.count && keys[low] == key)
    }

    func indices(on port: OutputPort) -> Range<Int> {
        let start = position(of: HostKey(firstOn: port)).index
        var end = start
        while end < keys.count, keys[end].isOn(port) { end += 1 }
        return start..<end
    }

    func hasOlderHosts(on port: OutputPort) -> Bool {
        olderHosts > 0 && records[indices(on: port)].contains { $0.version != .v3 }
    }

    mutating func insert(_ record: HostRecord, at index: Int) {
        keys.insert(HostKey(record.host, on: record.port), at: index)
        records.insert(record, at: index)
        wake = .earliest(wake, record.nextDeadline)
        if record.version != .v3 { olderHosts += 1 }
    }

    /// Changes one record in place; the host's version may change, its place may not.
    mutating func update<Result, Failure: Error>(
        at index: Int, _ body: (inout HostRecord) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let wasOlder = records[index].version != .v3
        let result = try body(&records[index])
        olderHosts += (records[index].version != .v3 ? 1 : 0) - (wasOlder ? 1 : 0)
        wake = .earliest(wake, records[index].nextDeadline)
        return result
    }

    mutating func remove(at index: Int) {
        if records[index].version != .v3 { olderHosts -= 1 }
        keys.remove(at: index)
        records.remove(at: index)
    }

    /// Forgets the records that `isGone` says, and tells of each.
    mutating func drop(
        in range: Range<Int>? = nil, where isGone: (HostRecord) -> Bool, _ usage: inout MembershipUsage,
        _ events: inout [MembershipEvent]
    ) {
        let group = group
        remove(in: range, where: isGone, &usage) { record in
            events.append(.changed(group: group, port: record.port, host: record.host))
        }
    }

    /// Forgets the record at `index`, and tells of it.
    mutating func drop(at index: Int, _ usage: inout MembershipUsage, _ events: inout [MembershipEvent]) {
        let record = records[index]
        usage.remove(record)
        events.append(.changed(group: group, port: record.port, host: record.host))
        remove(at: index)
    }

    /// Takes out the records that `isGone` says, and hands over each.
    private mutating func remove(
        in range: Range<Int>?, where isGone: (HostRecord) -> Bool, _ usage: inout MembershipUsage,
        _ removed: (HostRecord) -> Void = { _ in }
    ) {
        let range = range ?? records.indices
        var kept = range.lowerBound
        for index in range {
            let record = records[index]
            if isGone(record) {
                usage.remove(record)
                if record.version != .v3 { olderHosts -= 1 }
                removed(record)
            } else {
                if kept != index {
                    records.swapAt(kept, index)
                    keys.swapAt(kept, index)
                }
                kept += 1
            }
        }
        records.removeSubrange(kept..<range.upperBound)
        keys.removeSubrange(kept..<range.upperBound)
    }

    /// When the table must look at the group again.
    enum Schedule {
        /// When it would anyway, or perhaps later: a timer is not moved on every refresh, one look in vain is cheaper.
        case unchanged
        case at(Instant)
        case never
    }

    mutating func reschedule() -> Schedule {
        if records.isEmpty { return .never }
        guard let wake else { return .unchanged }
        if let scheduled, scheduled <= wake { return .unchanged }
        scheduled = wake
        return .at(wake)
    }

    /// The table's timer has fired: lets ended timers take effect.
    mutating func expire(at now: Instant, _ usage: inout MembershipUsage, _ events: inout [MembershipEvent]) {
        scheduled = nil
        var hasChanged = false
        for index in records.indices where records[index].expire(at: now) {
            hasChanged = true
            events.append(.changed(group: group, port: records[index].port, host: records[index].host))
        }
        if hasChanged { remove(in: nil, where: \.isEmpty, &usage) }
        wake = records.reduce(query.next) { .earliest($0, $1.nextDeadline) }
    }

    /// Owes queries from `start` on.
    mutating func ask(group: Bool, sources: [IPAddress], count: Int, start: Instant) {
        query.ask(group: group, sources: sources, count: count, start: start)
    }

    /// Another router queries: it asks about this group, and its questions lower the timers.
    mutating func cancelQueries() { query.cancel() }

    /// What is not reported again goes at `deadline`. A host of version 1 cannot answer and keeps its time.
    mutating func shorten(_ sources: [IPAddress], until deadline: Instant) {
        for index in records.indices where records[index].version != .v1 {
            update(at: index) { $0.shorten(sources, until: deadline) }
        }
    }

    /// Hands over the queries due now and notes their transmission. A query whose question is answered is dropped.
    mutating func sendDueQueries(now: Instant, timers: MembershipTimers, _ events: inout [MembershipEvent]) {
        defer { wake = .earliest(wake, query.next) }
        guard let next = query.next, next <= now else { return }
        let leavers = LeavingSummary(records)
        query.retain(
            group: leavers.group || (query.groupStandsForSources && !leavers.sources.isEmpty),
            where: { leavers.sources.contains($0) })
        guard query.next != nil else { return }

        let horizon = now + timers.lastMemberQueryTime
        if query.groupRemaining > 0 {
            let isWanted = records.contains {
                $0.filterMode == .exclude && !$0.groupIsLeaving && $0.groupExpires > horizon
            }
            events.append(.query(group: group, sources: [], suppressesRouterSideProcessing: isWanted))
        }
        if !query.sources.isEmpty {
            let pending = query.sources.map(\.address)
            let wanted = wantedByOthers(pending, beyond: horizon)
            // Two queries, because the S flag speaks for all sources of one (RFC 3376 §6.6.3.2).
            for suppresses in [true, false] {
                let sources = pending.indices.filter { wanted[$0] == suppresses }.map { pending[$0] }
                guard !sources.isEmpty else { continue }
                events.append(.query(group: group, sources: sources, suppressesRouterSideProcessing: suppresses))
            }
        }
        query.sent(now: now, interval: timers.lastMemberQueryInterval)
    }

    /// For each of `pending` (sorted) whether a host that is not leaving it wants it beyond `horizon`.
    private func wantedByOthers(_ pending: [IPAddress], beyond horizon: Instant) -> [Bool] {
        var wanted = [Bool](repeating: false, count: pending.count)
        for record in records {
            let wantsAll = record.filterMode == .exclude && !record.groupIsLeaving && record.groupExpires > horizon
            for (index, address) in pending.enumerated() where !wanted[index] {
                let (place, isListed) = record.sources.position(of: address)
                guard isListed else {
                    wanted[index] = wantsAll
                    continue
                }
                let source = record.sources[place]
                wanted[index] = source.state == .requested && source.expires > horizon
            }
        }
        return wanted
    }
}

/// What some host of a group is about to give up.
private struct LeavingSummary {
    var group = false
    var sources: Set<IPAddress> = []

    init(_ records: [HostRecord]) {
        for record in records {
            if record.filterMode == .exclude, record.groupIsLeaving { group = true }
            for source in record.sources where source.state == .leaving { sources.insert(source.address) }
        }
    }
}
