import Wire

/// How many records each host and each port has, so that limits need no search.
struct MembershipUsage: Sendable {
    private var ofHost: [IPAddress: Int] = [:]
    private var ofPort: [OutputPort: Int] = [:]

    func count(of host: IPAddress) -> Int { ofHost[host] ?? 0 }
    func count(on port: OutputPort) -> Int { ofPort[port] ?? 0 }

    mutating func add(_ record: HostRecord) {
        ofHost[record.host, default: 0] += 1
        ofPort[record.port, default: 0] += 1
    }

    mutating func remove(_ record: HostRecord) {
        Self.decrement(&ofHost, record.host)
        Self.decrement(&ofPort, record.port)
    }

    private static func decrement<Key>(_ counts: inout [Key: Int], _ key: Key) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
