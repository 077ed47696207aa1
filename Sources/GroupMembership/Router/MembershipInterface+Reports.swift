import Clockwork
import Wire

extension MembershipInterface {
    /// Takes one IP packet as a raw socket hands it over; what is refused is counted by its reason.
    package mutating func receive(
        _ packet: RawSpan, bridgePort: InterfaceIndex?, now: Instant, into actions: inout [MembershipAction]
    ) {
        guard isRunning else { return }
        do throws(IGMPError) {
            let header = try IGMPPacketHeader(decoding: packet)
            let port = port(bridgePort)
            guard admits(port, now: now) else { return }
            try check(header.source)
            let message = try IGMPMessage(decoding: packet.extracting(header.payload))
            try check(message, header)
            try handle(message, from: header.source, port: port, now: now, into: &actions)
        } catch {
            counters.count(error)
        }
        flush(into: &actions)
    }

    func portConfiguration(_ port: OutputPort) -> MembershipPortConfiguration {
        ports[port]?.configuration ?? configuration.defaultPort
    }

    /// Takes a token of the port before anything is done for it.
    private mutating func admits(_ port: OutputPort, now: Instant) -> Bool {
        guard ports[port] != nil || ports.count < configuration.limits.maxPorts else {
            counters.count(.maxPorts)
            return false
        }
        guard let rate = configuration.limits.reportRate else { return true }
        if ports[port, default: PortState()].limiter.admit(at: now, rate) { return true }
        counters.count(.reportRate)
        return false
    }

    private func check(_ source: IPv4Address) throws(IGMPError) {
        guard source != address else { throw .ownAddressSpoofed }
        if source.isUnspecified {
            // RFC 3376 §4.2.13 lets a host without an address report, but then nobody can tell whose report it is.
            if configuration.verifySourceSubnet { throw .unspecifiedSource }
            return
        }
        guard source.isUsableUnicast else { throw .invalidSource }
        guard !configuration.verifySourceSubnet || subnets.contains(where: { $0.contains(.v4(source)) }) else {
            throw .offSubnetSource
        }
    }

    private func check(_ message: IGMPMessage, _ header: IGMPPacketHeader) throws(IGMPError) {
        switch message {
        case .v1Report:
            // RFC 3376 §4.2.14: also to an address of the interface; version 1 knows no Router Alert.
            guard header.destination.isMulticast || header.destination == address else { throw .unicastDestination }
            return
        case .v2Report:
            guard header.destination.isMulticast || header.destination == address else { throw .unicastDestination }
        case .leave, .v3Report:
            guard header.destination.isMulticast else { throw .unicastDestination }
        case .query:
            guard header.destination.isMulticast else { throw .unicastDestination }
            guard !header.source.isUnspecified else { throw .unspecifiedSource }
        }
        guard header.hasRouterAlert || !configuration.requireRouterAlert else { throw .missingRouterAlert }
    }

    private mutating func handle(
        _ message: IGMPMessage, from source: IPv4Address, port: OutputPort, now: Instant,
        into actions: inout [MembershipAction]
    ) throws(IGMPError) {
        switch message {
        case .query(let query):
            counters.queriesReceived += 1
            try hear(query, from: source, port: port, now: now, into: &actions)
        case .v1Report(let group):
            counters.v1ReportsReceived += 1
            try apply(.modeIsExclude, group, version: .v1, from: source, port: port, now: now)
        case .v2Report(let group):
            counters.v2ReportsReceived += 1
            try apply(.modeIsExclude, group, version: .v2, from: source, port: port, now: now)
        case .leave(let group):
            counters.leavesReceived += 1
            try apply(.changeToIncludeMode, group, version: .v2, from: source, port: port, now: now)
        case .v3Report(let report):
            guard configuration.version == .v3 else { throw .versionNotEnabled }
            counters.v3ReportsReceived += 1
            counters.recordsReceived += UInt64(report.records.count)
            counters.unknownRecords += UInt64(report.unknownRecords)
            apply(report.records, from: reporter(source, port, .v3), now: now)
        }
    }

    private func reporter(_ source: IPv4Address, _ port: OutputPort, _ version: MembershipVersion) -> Reporter {
        Reporter(host: .v4(source), port: port, version: version, isSingleHost: portConfiguration(port).singleHost)
    }

    private mutating func apply(
        _ type: MembershipRecordType, _ group: IPv4Address, version: MembershipVersion, from source: IPv4Address,
        port: OutputPort, now: Instant
    ) throws(IGMPError) {
        try IGMPMessage.check(group: .v4(group))
        apply([MembershipRecord(type, group: .v4(group))], from: reporter(source, port, version), now: now)
    }

    /// One unusable record does not spoil the others of its report.
    private mutating func apply(_ records: [MembershipRecord], from reporter: Reporter, now: Instant) {
        let rules = ReportRules(
            now: now, timers: querier.timers, isQuerier: isQuerier, configuration: configuration)
        for record in records {
            do throws(IGMPError) { try IGMPMessage.check(record) } catch {
                counters.count(error)
                continue
            }
            do throws(MembershipLimit) {
                let isKnown = try table.apply(record, from: reporter, rules, into: &events)
                if !isKnown { counters.leavesWithoutMembership += 1 }
            } catch {
                counters.count(error)
            }
        }
    }
}
