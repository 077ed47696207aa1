import Clockwork
import Wire

extension GroupState {
    /// Applies one record of a report to the record of its host; false when the host is no member and does not become one.
    ///
    /// A refused record leaves everything as it was.
    mutating func apply(
        _ type: MembershipRecordType, _ listed: [IPAddress], from reporter: Reporter, _ rules: ReportRules,
        _ usage: inout MembershipUsage, _ events: inout [MembershipEvent]
    ) throws(MembershipLimit) -> Bool {
        let (index, isPresent) = position(of: HostKey(reporter.host, on: reporter.port))
        if !isPresent {
            guard type.joins(listed) else { return false }
            try admit(reporter, rules.limits, usage)
            let record = HostRecord(
                host: reporter.host, port: reporter.port, version: reporter.version, now: rules.now)
            insert(record, at: index)
        }
        let wasLeaving = reporter.version != .v3 && records[index].isLeaving
        let outcome: ReportOutcome
        do {
            outcome = try transition(at: index, type, listed, reporter, rules)
        } catch {
            if !isPresent { remove(at: index) }
            throw error
        }
        if !isPresent { usage.add(records[index]) }
        if outcome.isChanged || !isPresent {
            events.append(.changed(group: group, port: reporter.port, host: reporter.host))
        }
        if records[index].isEmpty {
            usage.remove(records[index])
            remove(at: index)
        } else if reporter.version != .v3, type.joins(listed), !reporter.isSingleHost {
            suppressionMayHide(from: reporter, wasLeaving: wasLeaving, rules, &usage, &events)
        }
        ask(outcome, rules, &events)
        return true
    }

    private func admit(
        _ reporter: Reporter, _ limits: MembershipLimits, _ usage: MembershipUsage
    ) throws(MembershipLimit) {
        guard records.count < limits.maxHostsPerGroup else { throw .maxHostsPerGroup }
        guard usage.count(of: reporter.host) < limits.maxGroupsPerHost else { throw .maxGroupsPerHost }
        guard usage.count(on: reporter.port) < limits.maxMembershipsPerPort else { throw .maxMembershipsPerPort }
    }

    private mutating func transition(
        at index: Int, _ type: MembershipRecordType, _ listed: [IPAddress], _ reporter: Reporter, _ rules: ReportRules
    ) throws(MembershipLimit) -> ReportOutcome {
        let version = records[index].version(after: reporter.version, at: rules.now)
        guard let listed = type.understood(by: version, listed) else { return ReportOutcome() }
        var context = ReportContext(
            now: rules.now, memberUntil: rules.memberUntil, leaveUntil: nil, isCertain: true,
            maxSources: rules.limits.maxGroupSources)
        if type.gives(up: listed, knowing: records[index].sources.count) {
            context.isCertain =
                rules.immediateLeave || reporter.isSingleHost
                || (rules.explicitTracking && version == .v3 && !hasOlderHosts(on: reporter.port))
            // The host's own word needs no query, except in the one row where it may be incomplete.
            if rules.isQuerier, !context.isCertain || type == .changeToIncludeMode {
                let start = query.start(now: rules.now, interval: rules.timers.lastMemberQueryInterval)
                context.leaveUntil = start + rules.timers.lastMemberQueryTime
            }
        }
        return try update(at: index) { record throws(MembershipLimit) in
            var outcome = try record.apply(type, listed, in: context)
            if record.version != version { outcome.isChanged = true }
            record.version = version
            if reporter.version == version, version != .v3 { record.olderVersionUntil = rules.memberUntil }
            return outcome
        }
    }

    private mutating func ask(
        _ outcome: ReportOutcome, _ rules: ReportRules, _ events: inout [MembershipEvent]
    ) {
        guard rules.isQuerier, outcome.asksGroup || !outcome.askedSources.isEmpty else { return }
        self.ask(
            group: outcome.asksGroup, sources: outcome.askedSources, count: rules.timers.lastMemberQueryCount,
            start: query.start(now: rules.now, interval: rules.timers.lastMemberQueryInterval))
        sendDueQueries(now: rules.now, timers: rules.timers, &events)
    }

    /// A report of version 1 or 2 keeps its listeners from sending theirs (RFC 2236 §3), so it speaks for the other
    /// members of these versions on the port too. It answers what the leaves of hosts on the port asked, unless it is
    /// a leaver's own: that one took back only its own leave.
    private mutating func suppressionMayHide(
        from reporter: Reporter, wasLeaving: Bool, _ rules: ReportRules,
        _ usage: inout MembershipUsage, _ events: inout [MembershipEvent]
    ) {
        let range = indices(on: reporter.port)
        for index in range where records[index].host != reporter.host && !records[index].isLeaving {
            // A host of version 1 does not know the reports of version 2.
            guard records[index].version != .v3, records[index].version >= reporter.version else { continue }
            update(at: index) { record in
                record.groupExpires = rules.memberUntil
                record.olderVersionUntil = rules.memberUntil
            }
        }
        if wasLeaving { return }
        drop(in: range, where: \.isLeaving, &usage, &events)
    }
}

extension HostRecord {
    /// The version the host counts as once it has sent a message of version `reported` (RFC 3376 §7.3.2, by host).
    fileprivate func version(after reported: MembershipVersion, at now: Instant) -> MembershipVersion {
        guard let olderVersionUntil, now < olderVersionUntil else { return reported }
        return min(version, reported)
    }
}

extension MembershipRecordType {
    /// Whether the record makes a member of a host that was none.
    func joins(_ listed: [IPAddress]) -> Bool {
        switch self {
        case .modeIsExclude, .changeToExcludeMode: true
        case .modeIsInclude, .changeToIncludeMode, .allowNewSources: !listed.isEmpty
        case .blockOldSources: false
        }
    }

    /// Whether the record may end something that another host, hidden, still wants.
    fileprivate func gives(up listed: [IPAddress], knowing sourceCount: Int) -> Bool {
        switch self {
        case .modeIsInclude, .allowNewSources: false
        case .modeIsExclude, .changeToExcludeMode: !listed.isEmpty || sourceCount > 0
        case .changeToIncludeMode, .blockOldSources: true
        }
    }

    /// The source list as a host of `version` can mean it, nil when it cannot mean the record (RFC 3376 §7.3.2).
    fileprivate func understood(by version: MembershipVersion, _ listed: [IPAddress]) -> [IPAddress]? {
        switch (version, self) {
        case (.v3, _): listed
        case (.v2, .blockOldSources), (.v1, .blockOldSources), (.v1, .changeToIncludeMode): nil
        case (.v2, .changeToExcludeMode), (.v1, .changeToExcludeMode): []
        case (.v2, .modeIsInclude), (.v2, .modeIsExclude), (.v2, .changeToIncludeMode), (.v2, .allowNewSources),
            (.v1, .modeIsInclude), (.v1, .modeIsExclude), (.v1, .allowNewSources):
            listed
        }
    }
}
