import Clockwork
import Wire

/// The groups of one interface with the hosts that want them, for either address family.
struct MembershipTable: Sendable {
    private var states: [IPAddress: GroupState] = [:]
    private var deadlines = DeadlineQueue<IPAddress>()
    private var usage = MembershipUsage()

    /// Sorted.
    var groups: [IPAddress] { states.keys.sorted() }
    var groupCount: Int { states.count }

    func memberships(of group: IPAddress) -> [HostMembership] {
        states[group]?.records.map { $0.membership(of: group) } ?? []
    }

    mutating func nextDeadline() -> Instant? { deadlines.nextDeadline() }

    /// Applies one record of a report; false when it comes from a host that is no member and makes it none.
    mutating func apply(
        _ record: MembershipRecord, from reporter: Reporter, _ rules: ReportRules,
        into events: inout [MembershipEvent]
    ) throws(MembershipLimit) -> Bool {
        let group = record.group
        let listed = record.sources.sortedSet()
        // Chained, not taken out and put back: the state must change in place, not be copied for every report.
        if let (isKnown, schedule) = try states[group]?.apply(
            record.type, listed, from: reporter, group: group, rules, &usage, &events)
        {
            settle(group, schedule)
            return isKnown
        }
        guard record.type.joins(listed) else { return false }
        guard states.count < rules.limits.maxGroups else { throw .maxGroups }
        var state = GroupState()
        let (isKnown, schedule) = try state.apply(
            record.type, listed, from: reporter, group: group, rules, &usage, &events)
        states[group] = state
        settle(group, schedule)
        return isKnown
    }

    /// Another router asked about `group`, or `sources` of it: what is not reported again goes at `deadline`.
    mutating func shorten(_ group: IPAddress, sources: [IPAddress], until deadline: Instant) {
        states[group]?.shorten(sources.sortedSet(), until: deadline)
        settle(group, states[group]?.reschedule())
    }

    /// Performs what is due: expiries and queries.
    mutating func tick(
        now: Instant, isQuerier: Bool, timers: MembershipTimers, into events: inout [MembershipEvent]
    ) {
        while let group = deadlines.popDue(at: now) {
            guard let (changed, gone) = states[group]?.expire(at: now) else { continue }
            for record in gone { usage.remove(record) }
            for port in changed { events.append(.changed(group: group, port: port)) }
            if isQuerier {
                events += states[group]?.dueQueries(of: group, now: now, timers: timers) ?? []
            } else {
                states[group]?.cancelQueries()
            }
            settle(group, states[group]?.reschedule())
        }
    }

    /// Takes out every record that `isGone` says.
    mutating func remove(where isGone: (IPAddress, HostRecord) -> Bool, into events: inout [MembershipEvent]) {
        for group in groups {
            guard let gone = states[group]?.remove(where: { isGone(group, $0) }), !gone.isEmpty else { continue }
            var last: OutputPort?
            for record in gone {
                usage.remove(record)
                if record.port != last { events.append(.changed(group: group, port: record.port)) }
                last = record.port
            }
            settle(group, states[group]?.reschedule())
        }
    }

    /// Forgets an empty group; otherwise makes sure that its timer is not set too late.
    private mutating func settle(_ group: IPAddress, _ schedule: GroupState.Schedule?) {
        switch schedule {
        case nil, .unchanged: break
        case .at(let deadline): deadlines.set(group, at: deadline)
        case .never:
            deadlines.cancel(group)
            states[group] = nil
        }
    }
}
