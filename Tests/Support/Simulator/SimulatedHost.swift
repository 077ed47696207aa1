import Clockwork
import GroupMembership
import Wire

/// A viewer's device: joins and leaves as a host of its version does, answers queries, and sees what arrives.
struct SimulatedHost {
    /// How the host asks for a tree.
    enum Style: CaseIterable {
        /// IGMPv3 naming the source.
        case includes
        /// IGMPv3 without a source, as old programs on new hosts do.
        case excludes
        case version2
    }

    enum Timer: Hashable, Sendable {
        case general
        case group(IPv4Address)
        case again(IPv4Address)
    }

    let number: Int
    let address: IPv4Address
    let segment: Int
    let style: Style
    private(set) var wants: Set<SourceGroup> = []
    /// When it last wanted a tree it wants no more.
    private(set) var lastWanted: [SourceGroup: Instant] = [:]
    private(set) var lastReceived: [SourceGroup: Instant] = [:]
    /// When `tick` is due.
    private(set) var deadline: Instant?
    private var timers = DeadlineQueue<Timer>()

    init(number: Int, address: IPv4Address, segment: Int, style: Style) {
        self.number = number
        self.address = address
        self.segment = segment
        self.style = style
    }

    /// Whether it wants the tree, or did since `limit`.
    func hasWanted(_ tree: SourceGroup, since limit: Instant) -> Bool {
        wants.contains(tree) || (lastWanted[tree].map { $0 >= limit } ?? false)
    }

    mutating func note(_ tree: SourceGroup, at now: Instant) { lastReceived[tree] = now }

    // MARK: What its user does

    mutating func join(_ tree: SourceGroup, now: Instant, using generator: inout SeededGenerator) -> [[UInt8]] {
        guard let group = tree.group.v4, wants.insert(tree).inserted else { return [] }
        timers.set(.again(group), at: now + generator.duration(upTo: .seconds(1)))
        deadline = timers.nextDeadline()
        return change(group)
    }

    mutating func leave(_ tree: SourceGroup, now: Instant, using generator: inout SeededGenerator) -> [[UInt8]] {
        guard let group = tree.group.v4, wants.remove(tree) != nil else { return [] }
        lastWanted[tree] = now
        timers.set(.again(group), at: now + generator.duration(upTo: .seconds(1)))
        deadline = timers.nextDeadline()
        return change(group)
    }

    /// The cable is pulled: nothing more is heard of it.
    mutating func vanish(now: Instant) {
        for tree in wants { lastWanted[tree] = now }
        wants = []
        timers = DeadlineQueue()
        deadline = nil
    }

    // MARK: What it hears

    mutating func hear(_ packet: [UInt8], now: Instant, using generator: inout SeededGenerator) {
        guard packet.count > 24, !wants.isEmpty,
            let message = try? IGMPMessage(decoding: packet.span.bytes.extracting(24..<packet.count))
        else { return }
        switch message {
        case .query(let query):
            answer(query, now: now, using: &generator)
        case .v2Report(let group) where style == .version2:
            // Somebody else reported: no need to (RFC 2236 §3).
            timers.cancel(.group(group))
        default: break
        }
        deadline = timers.nextDeadline()
    }

    private mutating func answer(_ query: IGMPQuery, now: Instant, using generator: inout SeededGenerator) {
        let limit = Duration.milliseconds(100 * query.maxResponseTime)
        if query.isGeneral, style != .version2 {
            plan(.general, at: now + generator.duration(upTo: limit))
            return
        }
        for group in wantedGroups where query.isGeneral || query.group == group {
            plan(.group(group), at: now + generator.duration(upTo: limit))
        }
    }

    /// A timer that runs already is not put off.
    private mutating func plan(_ timer: Timer, at instant: Instant) {
        if let planned = timers.deadline(of: timer), planned <= instant { return }
        timers.set(timer, at: instant)
    }

    mutating func tick(now: Instant) -> [[UInt8]] {
        var packets: [[UInt8]] = []
        defer { deadline = timers.nextDeadline() }
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .general: packets += IGMPHostMessage.reports(wantedGroups.map(currentState), from: address)
            case .group(let group): if wantedGroups.contains(group) { packets += report(group) }
            case .again(let group): packets += change(group)
            }
        }
        return packets
    }

    // MARK: What it says

    private var wantedGroups: [IPv4Address] { Set(wants.compactMap(\.group.v4)).sorted() }

    private func sources(of group: IPv4Address) -> [IPAddress] {
        wants.filter { $0.group == .v4(group) }.compactMap(\.source).sorted()
    }

    private func currentState(_ group: IPv4Address) -> MembershipRecord {
        style == .includes
            ? MembershipRecord(.modeIsInclude, group: .v4(group), sources: sources(of: group))
            : MembershipRecord(.modeIsExclude, group: .v4(group))
    }

    private func report(_ group: IPv4Address) -> [[UInt8]] {
        style == .version2
            ? [IGMPHostMessage.v2Report(group, from: address)]
            : IGMPHostMessage.reports([currentState(group)], from: address)
    }

    /// What it says, twice, of a group that it has just joined or left.
    private func change(_ group: IPv4Address) -> [[UInt8]] {
        let isMember = wantedGroups.contains(group)
        switch style {
        case .version2:
            return [
                isMember
                    ? IGMPHostMessage.v2Report(group, from: address) : IGMPHostMessage.v2Leave(group, from: address)
            ]
        case .excludes:
            let type: MembershipRecordType = isMember ? .changeToExcludeMode : .changeToIncludeMode
            return IGMPHostMessage.reports([MembershipRecord(type, group: .v4(group))], from: address)
        case .includes:
            return IGMPHostMessage.reports(
                [MembershipRecord(.changeToIncludeMode, group: .v4(group), sources: sources(of: group))],
                from: address)
        }
    }
}
