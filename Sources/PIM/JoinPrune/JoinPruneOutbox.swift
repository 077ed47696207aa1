import Wire

/// Joins and prunes decided during one step, sent together at its end: several trees share a message.
struct JoinPruneOutbox: Sendable {
    struct Destination: Hashable, Sendable {
        let interface: InterfaceIndex
        let upstreamNeighbor: IPAddress
    }

    enum Request: Sendable {
        case join
        case prune
    }

    private var requests: [Destination: [SourceGroup: Request]] = [:]

    var isEmpty: Bool { requests.isEmpty }

    /// The latest request for a tree is the one that is sent.
    mutating func add(_ request: Request, _ tree: SourceGroup, to destination: Destination) {
        requests[destination, default: [:]][tree] = request
    }

    /// Takes everything, in a stable order.
    mutating func drain() -> [(destination: Destination, requests: [(tree: SourceGroup, request: Request)])] {
        defer { requests = [:] }
        return requests.map { destination, trees in
            (destination, trees.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 })
        }.sorted {
            ($0.destination.interface, $0.destination.upstreamNeighbor)
                < ($1.destination.interface, $1.destination.upstreamNeighbor)
        }
    }
}

extension JoinPrune {
    private static let ipv4HeaderBytes = 20
    /// PIM header, encoded upstream neighbour, counts and holdtime.
    private static let fixedBytes = 4 + 6 + 4
    private static let groupBytes = 8 + 4
    private static let sourceBytes = 8
    private static let maximumGroups = 255

    /// As few messages as hold `requests`, each within an IPv4 packet of `mtu` bytes; at least one entry goes into each.
    /// Requests are ordered by group.
    static func messages(
        to upstreamNeighbor: IPAddress, holdtime: UInt16,
        requests: [(tree: SourceGroup, request: JoinPruneOutbox.Request)], mtu: Int
    ) -> [JoinPrune] {
        let capacity = min(mtu, 0xFFFF) - ipv4HeaderBytes
        var messages: [JoinPrune] = []
        var current = JoinPrune(upstreamNeighbor: upstreamNeighbor, holdtime: holdtime, groups: [])
        var bytes = fixedBytes
        for (tree, request) in requests {
            guard let source = tree.source else { continue }
            let continuesGroup = current.groups.last?.group.address == tree.group
            let needed = sourceBytes + (continuesGroup ? 0 : groupBytes)
            let isFull = bytes + needed > capacity || (!continuesGroup && current.groups.count == maximumGroups)
            if isFull, !current.groups.isEmpty {
                messages.append(current)
                current.groups = []
                bytes = fixedBytes
            }
            if current.groups.last?.group.address != tree.group {
                current.groups.append(JoinPruneGroup(group: EncodedGroup(tree.group)))
                bytes += groupBytes
            }
            bytes += sourceBytes
            current.append(request, EncodedSource(source))
        }
        return current.groups.isEmpty ? messages : messages + [current]
    }

    private mutating func append(_ request: JoinPruneOutbox.Request, _ source: EncodedSource) {
        let last = groups.count - 1
        switch request {
        case .join: groups[last].joined.append(source)
        case .prune: groups[last].pruned.append(source)
        }
    }
}
