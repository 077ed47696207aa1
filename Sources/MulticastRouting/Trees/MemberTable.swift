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

    mutating func set(_ members: [JudgedMember], of group: IPAddress, on port: OutputPort) {
        let old = groups[group]?[port] ?? []
        count += members.count - old.count
        let change = members.count(where: \.isRefused) - old.count(where: \.isRefused)
        if change != 0 {
            let now = refused[port.interface, default: 0] + change
            refused[port.interface] = now == 0 ? nil : now
        }
        if members.isEmpty {
            groups[group]?[port] = nil
            if groups[group]?.isEmpty == true { groups[group] = nil }
        } else {
            groups[group, default: [:]][port] = members
        }
    }
}
