import ControlProtocol

/// Which connection writes for which owner, and which of its messages wait for an answer.
struct OwnerConnections<Client: Hashable> {
    private struct Writer {
        var client: Client
        /// Messages that are not answered yet, oldest first.
        var waiting: [(position: FeedPosition, request: UInt64)] = []
        /// Repeated by what is sent unasked.
        var claim: UInt64
    }

    private var writers: [String: Writer] = [:]
    private var owners: [Client: String] = [:]

    func owner(of client: Client) -> String? { owners[client] }
    func client(of owner: String) -> (client: Client, claim: UInt64)? {
        writers[owner].map { ($0.client, $0.claim) }
    }

    /// Makes `client` the writer of `owner`; the answer is the connection that was it before.
    mutating func claim(_ owner: String, for client: Client, request: UInt64) -> Client? {
        let before = writers[owner]?.client
        if let before { owners[before] = nil }
        if let other = owners[client] { writers[other] = nil }
        owners[client] = owner
        writers[owner] = Writer(client: client, claim: request)
        return before == client ? nil : before
    }

    /// Forgets a connection; the answer is the owner that has lost its writer.
    mutating func remove(_ client: Client) -> String? {
        guard let owner = owners.removeValue(forKey: client) else { return nil }
        writers[owner] = nil
        return owner
    }

    mutating func expectAnswer(to request: UInt64, at position: FeedPosition, for owner: String) {
        writers[owner]?.waiting.append((position, request))
    }

    /// The request that `position` answers, with all before it.
    mutating func takeAnswered(_ position: FeedPosition, of owner: String) -> (client: Client, request: UInt64)? {
        guard let writer = writers[owner] else { return nil }
        let last = writer.waiting.lastIndex { $0.position == position }
        guard let last else { return nil }
        writers[owner]?.waiting.removeFirst(last + 1)
        return (writer.client, writer.waiting[last].request)
    }

    /// The newest request, when it is refused.
    mutating func takeRefused(of owner: String) -> (client: Client, request: UInt64)? {
        guard let writer = writers[owner] else { return nil }
        guard let last = writers[owner]?.waiting.popLast() else { return (writer.client, writer.claim) }
        return (writer.client, last.request)
    }
}
