import Clockwork
import Wire

extension MembershipInterface {
    mutating func sendGeneralQuery(into actions: inout [MembershipAction]) {
        counters.generalQueriesSent += 1
        let query = makeQuery(maxResponseTime: querier.timers.queryMaxResponseTime)
        actions.append(.send(query: IGMPMessage.query(query).encoded(), destination: .allHosts))
    }

    mutating func sendQuery(
        _ group: IPAddress, _ sources: [IPAddress], suppressesRouterSideProcessing: Bool,
        into actions: inout [MembershipAction]
    ) {
        guard let destination = group.v4 else { return }
        var query = makeQuery(maxResponseTime: querier.timers.lastMemberQueryInterval)
        query.group = destination
        query.suppressesRouterSideProcessing = suppressesRouterSideProcessing
        query.sources = sources.compactMap(\.v4)
        for part in query.split(mtu: configuration.mtu) {
            if part.sources.isEmpty {
                counters.groupQueriesSent += 1
            } else {
                counters.groupAndSourceQueriesSent += 1
            }
            actions.append(.send(query: IGMPMessage.query(part).encoded(), destination: destination))
        }
    }

    private func makeQuery(maxResponseTime: Duration) -> IGMPQuery {
        IGMPQuery(
            version: configuration.version, maxResponseTime: Int(maxResponseTime.milliseconds / 100),
            robustnessVariable: querier.timers.robustnessVariable,
            queryInterval: Int(querier.timers.queryInterval.milliseconds / 1000))
    }

    /// Another router's query (RFC 3376 §6.6).
    mutating func hear(
        _ query: IGMPQuery, from source: IPv4Address, port: OutputPort, now: Instant,
        into actions: inout [MembershipAction]
    ) throws(IGMPError) {
        guard !portConfiguration(port).queryGuard else { throw .queryGuard }
        if query.version < configuration.version { counters.olderVersionQueries += 1 }
        guard source < address else { return }
        let timers = MembershipTimers(
            configuration, robustnessVariable: query.robustnessVariable == 0 ? nil : query.robustnessVariable,
            queryInterval: query.queryInterval == 0 ? nil : .seconds(query.queryInterval))
        if querier.yield(to: .v4(source), timers: timers, now: now) { actions.append(.querierChanged(.v4(source))) }
        guard !query.isGeneral, !query.suppressesRouterSideProcessing else { return }
        // Version 1, and a zero of version 3, tell no time: then our own last-member query interval is taken.
        let interval =
            query.maxResponseTime == 0
            ? timers.lastMemberQueryInterval : Duration.milliseconds(100 * query.maxResponseTime)
        table.shorten(
            .v4(query.group), sources: query.sources.map(IPAddress.v4),
            until: now + interval * timers.lastMemberQueryCount)
    }
}
