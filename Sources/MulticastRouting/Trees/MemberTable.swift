import Wire

/// One host's membership of one group on one port, as it was judged last.
struct JudgedMember: Sendable, Equatable {
    var host: IPAddress
    /// For each tree the membership asks for, sorted by tree; never empty.
    var verdicts: [JudgedTree]

    struct JudgedTree: Sendable, Equatable {
        var tree: SourceGroup
        var verdict: AdmissionVerdict
    }

    var isRefused: Bool { !verdicts.contains { $0.verdict.isAdmitted } }
}

/// Every membership with its verdicts, by group and port.
struct MemberTable: Sendable {
    private var groups: [IPAddress: [OutputPort: [JudgedMember]]] = [:]
    /// Members on each interface to whom no tree is admitted.
    private(set) var refused: [InterfaceIndex: Int] = [:]
    private(set) var count = 0

    /// Sorted.
    var allGroups: [IPAddress] { groups.keys.sorted() }

    /// Sorted.
    func ports(of group: IPAddress) -> [OutputPort] { groups[group]?.keys.sorted() ?? [] }

    /// Sorted by host.
    func members(of group: IPAddress, on port: OutputPort) -> [JudgedMember] { groups[group]?[port] ?? [] }

    /// Sorted by port, then host.
    func members(of group: IPAddress) -> [(port: OutputPort, member: JudgedMember)] {
        ports(of: group).flatMap { port in members(of: group, on: port).map { (port, $0) } }
    }

    func member(_ host: IPAddress, of group: IPAddress, on port: OutputPort) -> JudgedMember? {
        guard let members = groups[group]?[port] else { return nil }
        let index = members.position(of: host)
        return index < members.count && members[index].host == host ? members[index] : nil
    }

    /// Notes what a host's membership is judged to be, nil when it has gone; answers what it was.
    @discardableResult
    mutating func set(
        _ member: JudgedMember?, of host: IPAddress, group: IPAddress, on port: OutputPort
    ) -> JudgedMember? {
        guard let member else { return remove(host, of: group, on: port) }
        let old = groups[group, default: [:]][port, default: []].put(member)
        note(old, member, on: port.interface)
        return old
    }

    private mutating func remove(_ host: IPAddress, of group: IPAddress, on port: OutputPort) -> JudgedMember? {
        guard let old = groups[group]?[port]?.take(host) else { return nil }
        if groups[group]?[port]?.isEmpty == true { groups[group]?[port] = nil }
        if groups[group]?.isEmpty == true { groups[group] = nil }
        note(old, nil, on: port.interface)
        return old
    }

    private mutating func note(_ old: JudgedMember?, _ new: JudgedMember?, on interface: InterfaceIndex) {
        count += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        let change = (new?.isRefused == true ? 1 : 0) - (old?.isRefused == true ? 1 : 0)
        guard change != 0 else { return }
        let now = refused[interface, default: 0] + change
        refused[interface] = now == 0 ? nil : now
    }
}

/// Members of one group on one port, sorted by host.
extension [JudgedMember] {
    /// Where `host` is, or where it belongs.
    fileprivate func position(of host: IPAddress) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].host < host { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Answers the one it replaces.
    fileprivate mutating func put(_ member: JudgedMember) -> JudgedMember? {
        let index = position(of: member.host)
        guard index < count, self[index].host == member.host else {
            insert(member, at: index)
            return nil
        }
        let old = self[index]
        self[index] = member
        return old
    }

    fileprivate mutating func take(_ host: IPAddress) -> JudgedMember? {
        let index = position(of: host)
        return index < count && self[index].host == host ? remove(at: index) : nil
    }
}
