import Clockwork
import Wire

/// The groups of one interface with the hosts that want them, for either address family.
struct MembershipTable: Sendable {
    /// In slots, because a state must change in place, and a dictionary moves its values out and in for that.
    private var slots: [GroupState?] = []
    private var freeSlots: [Int] = []
    private var slotOf: [IPAddress: Int] = [:]
    /// One timer a slot.
    private var deadlines = DeadlineQueue<Int>()
    private var usage = MembershipUsage()

    /// Sorted.
    var groups: [IPAddress] { slotOf.keys.sorted() }

    func memberships(of group: IPAddress) -> [HostMembership] {
        guard let slot = slotOf[group], let state = slots[slot] else { return [] }
        return state.records.map { $0.membership(of: group) }
    }

    func memberships(of group: IPAddress, on port: OutputPort) -> [HostMembership] {
        guard let slot = slotOf[group], let state = slots[slot] else { return [] }
        return state.records[state.indices(on: port)].map { $0.membership(of: group) }
    }

    func membership(of group: IPAddress, host: IPAddress, on port: OutputPort) -> HostMembership? {
        guard let slot = slotOf[group], let state = slots[slot] else { return nil }
        let (index, isPresent) = state.position(of: HostKey(host, on: port))
        return isPresent ? state.records[index].membership(of: group) : nil
    }

    mutating func nextDeadline() -> Instant? { deadlines.nextDeadline() }

    /// Applies one record of a report; false when it comes from a host that is no member and makes it none.
    mutating func apply(
        _ record: MembershipRecord, from reporter: Reporter, _ rules: ReportRules,
        into events: inout [MembershipEvent]
    ) throws(MembershipLimit) -> Bool {
        let listed = record.sources.sortedSet()
        if let slot = slotOf[record.group] {
            let isKnown = try slots[slot]?.apply(record.type, listed, from: reporter, rules, &usage, &events)
            settle(slot)
            return isKnown ?? false
        }
        guard record.type.joins(listed) else { return false }
        guard slotOf.count < rules.limits.maxGroups else { throw .maxGroups }
        var state = GroupState(group: record.group)
        let isKnown = try state.apply(record.type, listed, from: reporter, rules, &usage, &events)
        settle(occupy(state))
        return isKnown
    }

    /// Another router asked about `group`, or `sources` of it: what is not reported again goes at `deadline`.
    mutating func shorten(_ group: IPAddress, sources: [IPAddress], until deadline: Instant) {
        guard let slot = slotOf[group] else { return }
        slots[slot]?.shorten(sources.sortedSet(), until: deadline)
        settle(slot)
    }

    /// Performs what is due: expiries and queries.
    mutating func tick(
        now: Instant, isQuerier: Bool, timers: MembershipTimers, into events: inout [MembershipEvent]
    ) {
        while let slot = deadlines.popDue(at: now) {
            slots[slot]?.expire(at: now, &usage, &events)
            if isQuerier {
                slots[slot]?.sendDueQueries(now: now, timers: timers, &events)
            } else {
                slots[slot]?.cancelQueries()
            }
            settle(slot)
        }
    }

    /// Takes out every record that `isGone` says.
    mutating func remove(where isGone: (IPAddress, HostRecord) -> Bool, into events: inout [MembershipEvent]) {
        for group in groups {
            guard let slot = slotOf[group] else { continue }
            slots[slot]?.drop(where: { isGone(group, $0) }, &usage, &events)
            settle(slot)
        }
    }

    /// Takes out one record.
    mutating func remove(
        host: IPAddress, group: IPAddress, port: OutputPort, into events: inout [MembershipEvent]
    ) {
        guard let slot = slotOf[group], let position = slots[slot]?.position(of: HostKey(host, on: port)),
            position.isPresent
        else { return }
        slots[slot]?.drop(at: position.index, &usage, &events)
        settle(slot)
    }

    private mutating func occupy(_ state: GroupState) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot] = state
        } else {
            slot = slots.count
            slots.append(state)
        }
        slotOf[state.group] = slot
        return slot
    }

    /// Forgets an empty group; otherwise makes sure that its timer is not set too late.
    private mutating func settle(_ slot: Int) {
        switch slots[slot]?.reschedule() {
        case nil, .unchanged: break
        case .at(let deadline): deadlines.set(slot, at: deadline)
        case .never:
            deadlines.cancel(slot)
            if let group = slots[slot]?.group { slotOf[group] = nil }
            slots[slot] = nil
            freeSlots.append(slot)
        }
    }
}
