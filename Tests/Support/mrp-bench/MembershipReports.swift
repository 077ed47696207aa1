import Clockwork
import GroupMembership
import Wire

/// IGMPv3 reports of many hosts, to be pushed through one interface's core: what one core of the machine can track.
struct MembershipReportsWorkload {
    enum Kind: String, CaseIterable {
        /// One record a packet, the state already known: what a query brings in.
        case refresh
        /// The same, as many records a packet as its MTU carries.
        case packedRefresh = "packed-refresh"
        /// A join and a leave of an unknown host in turn.
        case joinAndLeave = "join-and-leave"
    }

    private(set) var core: MembershipInterface
    private let packets: [[UInt8]]
    /// Records in one round of `packets`.
    let recordsPerRound: Int
    private var now = Instant.zero
    private var actions: [MembershipAction] = []

    init(_ kind: Kind, groups: Int, hostsPerGroup: Int) {
        var configuration = MembershipConfiguration()
        configuration.limits.maxGroups = max(groups, 1)
        configuration.limits.maxGroupsPerHost = max(groups, 1)
        configuration.limits.maxMembershipsPerPort = max(groups * hostsPerGroup, 1)
        configuration.limits.reportRate = nil
        let subnet = IPPrefix(.v4(IPv4Address(10, 0, 0, 0)), length: 8)
        core = MembershipInterface(
            interface: InterfaceIndex(1), address: IPv4Address(10, 0, 0, 1), subnets: subnet.map { [$0] } ?? [],
            configuration: configuration, seed: 1)
        core.start(now: now, into: &actions)

        let source = IPAddress.v4(IPv4Address(198, 51, 100, 1))
        let names = (0..<groups).map { IPAddress.v4(IPv4Address(rawValue: 0xE800_0100 + UInt32($0))) }
        var packets: [[UInt8]] = []
        for number in 0..<hostsPerGroup {
            let host = IPv4Address(rawValue: 0x0A00_0100 + UInt32(number))
            func records(_ type: MembershipRecordType) -> [MembershipRecord] {
                names.map { MembershipRecord(type, group: $0, sources: [source]) }
            }
            switch kind {
            case .refresh: packets += records(.modeIsInclude).map { IGMPHostMessage.report([$0], from: host) }
            case .packedRefresh: packets += IGMPHostMessage.reports(records(.modeIsInclude), from: host)
            case .joinAndLeave:
                for (join, leave) in zip(records(.allowNewSources), records(.blockOldSources)) {
                    packets.append(IGMPHostMessage.report([join], from: host))
                    packets.append(IGMPHostMessage.report([leave], from: host))
                }
            }
        }
        self.packets = packets
        recordsPerRound = groups * hostsPerGroup * (kind == .joinAndLeave ? 2 : 1)
    }

    /// Pushes every packet through once, a microsecond apart, and performs what falls due.
    mutating func round() {
        for packet in packets {
            now = now + .microseconds(1)
            core.receive(packet.span.bytes, bridgePort: nil, now: now, into: &actions)
            actions.removeAll(keepingCapacity: true)
        }
        core.tick(now: now, into: &actions)
        actions.removeAll(keepingCapacity: true)
    }
}
