import Clockwork
import Wire

/// The circumstances in which a report is applied to a host's record.
struct ReportContext: Sendable {
    var now: Instant
    /// Now and the group membership interval.
    var memberUntil: Instant
    /// When the last-member query time ends that starts with this report; nil where another router queries: its
    /// query, not the host's leave, lowers timers there (RFC 3376 §6.6.1).
    var leaveUntil: Instant?
    /// No host can be hidden on the port, so that what the reporting host says is the whole truth about it.
    var isCertain: Bool
    var maxSources: Int
}

/// What applying a report asks for.
struct ReportOutcome: Equatable, Sendable {
    var isChanged = false
    /// Q(G) of RFC 3376 §6.4.2.
    var asksGroup = false
    /// The sources A of Q(G,A), sorted.
    var askedSources: [IPAddress] = []
}

extension HostRecord {
    /// One row of the tables of RFC 3376 §6.4.1 and §6.4.2; `listed` is sorted and without repetitions.
    ///
    /// The RFC's router knows no hosts: it must ask whether somebody else still wants what one host gives up. Where no
    /// host can be hidden (`context.isCertain`) the host's own word is enough and takes effect at once. After a throw
    /// the record is as it was.
    mutating func apply(
        _ type: MembershipRecordType, _ listed: [IPAddress], in context: ReportContext
    ) throws(MembershipLimit) -> ReportOutcome {
        let before = (filterMode, isLeaving)
        var outcome = ReportOutcome()
        switch (filterMode, type) {
        case (.include, .modeIsInclude), (.include, .allowNewSources),
            (.exclude, .modeIsInclude), (.exclude, .allowNewSources):
            try request(listed, in: context, &outcome)
        case (.include, .blockOldSources):
            if context.isCertain { drop(listed, &outcome) } else { ask(about: listed, in: context, &outcome) }
        case (.exclude, .blockOldSources):
            try block(listed, in: context, &outcome)
        case (.include, .changeToIncludeMode):
            try narrow(to: listed, in: context, &outcome)
        case (.exclude, .changeToIncludeMode):
            try endExclusion(keeping: listed, in: context, &outcome)
        case (.include, .modeIsExclude), (.include, .changeToExcludeMode),
            (.exclude, .modeIsExclude), (.exclude, .changeToExcludeMode):
            try exclude(listed, isChange: type == .changeToExcludeMode, in: context, &outcome)
        }
        if before != (filterMode, isLeaving) { outcome.isChanged = true }
        lastReport = context.now
        return outcome
    }

    /// A+B with (B)=GMI; in EXCLUDE mode X+A and Y-A.
    private mutating func request(
        _ listed: [IPAddress], in context: ReportContext, _ outcome: inout ReportOutcome
    ) throws(MembershipLimit) {
        var missing = 0
        for address in listed where !sources.position(of: address).isPresent { missing += 1 }
        guard missing == 0 || sources.count + missing <= context.maxSources else { throw .maxGroupSources }
        for address in listed {
            let (index, isPresent) = sources.position(of: address)
            if isPresent {
                if sources[index].isExcluded { outcome.isChanged = true }
                sources[index].state = .requested
                sources[index].expires = context.memberUntil
            } else {
                sources.insert(
                    TrackedSource(address: address, state: .requested, expires: context.memberUntil), at: index)
                // In EXCLUDE mode it was wanted before: only the list of excluded sources tells anything.
                if filterMode == .include { outcome.isChanged = true }
            }
        }
    }

    private mutating func drop(_ listed: [IPAddress], _ outcome: inout ReportOutcome) {
        let count = sources.count
        sources.removeAll { listed.holds($0.address) }
        if sources.count != count { outcome.isChanged = true }
    }

    /// Q(G,B) for those of `listed` that are wanted, which lowers their timers (RFC 3376 §6.6.3.2).
    private mutating func ask(about listed: [IPAddress], in context: ReportContext, _ outcome: inout ReportOutcome) {
        for address in listed {
            let (index, isPresent) = sources.position(of: address)
            guard isPresent, !sources[index].isExcluded else { continue }
            sources[index].state = .leaving
            if let leaveUntil = context.leaveUntil { sources[index].expires = min(sources[index].expires, leaveUntil) }
            outcome.askedSources.append(address)
        }
    }

    /// BLOCK in EXCLUDE mode.
    private mutating func block(
        _ listed: [IPAddress], in context: ReportContext, _ outcome: inout ReportOutcome
    ) throws(MembershipLimit) {
        var merged = sources
        for address in listed {
            let (index, isPresent) = merged.position(of: address)
            let state: TrackedSource.State = context.isCertain ? .excluded : .requested
            if !isPresent {
                merged.insert(TrackedSource(address: address, state: state, expires: groupExpires), at: index)
                outcome.isChanged = outcome.isChanged || context.isCertain
            } else if context.isCertain, !merged[index].isExcluded {
                merged[index].state = .excluded
                outcome.isChanged = true
            }
        }
        guard merged.count <= max(context.maxSources, sources.count) else { throw .maxGroupSources }
        sources = merged
        if !context.isCertain { ask(about: listed, in: context, &outcome) }
    }

    /// TO_IN in INCLUDE mode. Only an empty list is sure to be all that the host says: a long one comes in several
    /// records (RFC 3376 §4.2.16), so what is not listed is asked about even where nobody is hidden.
    private mutating func narrow(
        to listed: [IPAddress], in context: ReportContext, _ outcome: inout ReportOutcome
    ) throws(MembershipLimit) {
        if listed.isEmpty, context.isCertain {
            outcome.isChanged = !sources.isEmpty
            sources = []
            return
        }
        let unlisted = sources.map(\.address).filter { !listed.holds($0) }
        try request(listed, in: context, &outcome)
        ask(about: unlisted, in: context, &outcome)
    }

    /// TO_IN in EXCLUDE mode.
    private mutating func endExclusion(
        keeping listed: [IPAddress], in context: ReportContext, _ outcome: inout ReportOutcome
    ) throws(MembershipLimit) {
        if context.isCertain {
            guard listed.count <= context.maxSources else { throw .maxGroupSources }
            filterMode = .include
            groupIsLeaving = false
            sources = listed.map { TrackedSource(address: $0, state: .requested, expires: context.memberUntil) }
            return
        }
        let unlisted = sources.filter { !$0.isExcluded && !listed.holds($0.address) }.map(\.address)
        try request(listed, in: context, &outcome)
        ask(about: unlisted, in: context, &outcome)
        groupIsLeaving = true
        if let leaveUntil = context.leaveUntil { groupExpires = min(groupExpires, leaveUntil) }
        outcome.asksGroup = true
    }

    /// IS_EX and TO_EX.
    private mutating func exclude(
        _ listed: [IPAddress], isChange: Bool, in context: ReportContext, _ outcome: inout ReportOutcome
    ) throws(MembershipLimit) {
        guard listed.count <= context.maxSources else { throw .maxGroupSources }
        if !(listed.isEmpty && sources.isEmpty) {
            let replaced = listed.map { address in
                let (index, isPresent) = sources.position(of: address)
                if context.isCertain { return TrackedSource(address: address, state: .excluded, expires: context.now) }
                if isPresent { return sources[index] }
                // RFC 3376 §6.4: what INCLUDE mode never had is excluded; in EXCLUDE mode somebody may want it.
                return filterMode == .include
                    ? TrackedSource(address: address, state: .excluded, expires: context.now)
                    : TrackedSource(
                        address: address, state: .requested, expires: isChange ? groupExpires : context.memberUntil)
            }
            if !replaced.lazy.filter(\.isExcluded).map(\.address)
                .elementsEqual(sources.lazy.filter(\.isExcluded).map(\.address))
            {
                outcome.isChanged = true
            }
            sources = replaced
        }
        filterMode = .exclude
        groupIsLeaving = false
        groupExpires = context.memberUntil
        if isChange, !context.isCertain { ask(about: listed, in: context, &outcome) }
    }

    /// Another router asked about the group, or about `asked` sources of it: the timers run out unless the host
    /// answers (RFC 3376 §6.6.1).
    mutating func shorten(_ asked: [IPAddress], until deadline: Instant) {
        if asked.isEmpty {
            if filterMode == .exclude { groupExpires = min(groupExpires, deadline) }
            return
        }
        for address in asked {
            let (index, isPresent) = sources.position(of: address)
            guard isPresent, !sources[index].isExcluded else { continue }
            sources[index].expires = min(sources[index].expires, deadline)
        }
    }
}
