import Clockwork
import Wire

/// What one host on one port says about one group: the router state of RFC 3376 §6.2, kept for each host.
///
/// INCLUDE(A) is `filterMode` include with `sources` A; EXCLUDE(X,Y) has the requested sources X and the excluded Y in
/// one list. INCLUDE({}) is no membership: such a record `isEmpty` and must not be kept.
struct HostRecord: Sendable {
    let host: IPAddress
    let port: OutputPort
    let since: Instant
    var lastReport: Instant
    var version: MembershipVersion
    /// While this lies ahead the host counts as one of an older version whatever it sends (RFC 3376 §7.3.2).
    var olderVersionUntil: Instant?
    var filterMode: FilterMode = .include
    /// The group timer; of no meaning in INCLUDE mode.
    var groupExpires: Instant
    /// EXCLUDE mode is about to end (the host left while another may be hidden behind its reports).
    var groupIsLeaving = false
    /// Sorted by address.
    var sources: [TrackedSource] = []

    init(host: IPAddress, port: OutputPort, version: MembershipVersion, now: Instant) {
        self.host = host
        self.port = port
        self.version = version
        since = now
        lastReport = now
        groupExpires = now
    }

    var isEmpty: Bool { filterMode == .include && sources.isEmpty }

    /// Nothing will remain of the record unless its host reports again.
    var isLeaving: Bool {
        switch filterMode {
        case .include: !sources.isEmpty && sources.allSatisfy { $0.state == .leaving }
        case .exclude: groupIsLeaving && !sources.contains { $0.state == .requested }
        }
    }

    /// When the first of its timers ends.
    var nextDeadline: Instant {
        var deadline = filterMode == .exclude ? groupExpires : Instant.distantFuture
        for source in sources where !source.isExcluded { deadline = min(deadline, source.expires) }
        return deadline
    }

    /// When the record goes unless the host reports again.
    var expires: Instant {
        switch filterMode {
        case .exclude: groupExpires
        case .include: sources.reduce(lastReport) { max($0, $1.expires) }
        }
    }

    /// Lets timers that ended take effect (RFC 3376 §6.3 and §6.5); true when that changed anything.
    mutating func expire(at now: Instant) -> Bool {
        guard nextDeadline <= now else { return false }
        switch filterMode {
        case .include:
            sources.removeAll { $0.expires <= now }
        case .exclude where groupExpires <= now:
            filterMode = .include
            groupIsLeaving = false
            sources.removeAll { $0.isExcluded || $0.expires <= now }
        case .exclude:
            for index in sources.indices where !sources[index].isExcluded && sources[index].expires <= now {
                sources[index].state = .excluded
            }
        }
        return true
    }

    func membership(of group: IPAddress) -> HostMembership {
        HostMembership(
            host: host, group: group, port: port, version: version, filterMode: filterMode,
            sources: sources.filter { filterMode == .include || $0.isExcluded }.map(\.address), since: since,
            lastReport: lastReport, expires: expires, isLeaving: isLeaving)
    }
}
