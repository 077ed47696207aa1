import Clockwork
import ControlProtocol
import Wire

/// Who authorizes at one router, and how much of it has arrived there. It lives on when the router restarts.
struct SimulatedOwner {
    struct Grant: Hashable {
        var host: Int
        var tree: SourceGroup
    }

    let name: String
    private var publisher: FeedPublisher<RouterFeedItem>
    private(set) var isConnected = false
    /// Grants the running router has been told, with their ends.
    private(set) var delivered: [Grant: UnixTime] = [:]
    /// Unicast viewers the running router has been told of.
    private(set) var deliveredWatches: Set<Watch> = []
    private(set) var hasDeliveredSnapshot = false
    private(set) var applied: FeedPosition?

    init(name: String, items: [RouterFeedItem]) {
        self.name = name
        publisher = FeedPublisher(epoch: "epoch-\(name)", items: items)
    }

    var position: FeedPosition { publisher.position }

    /// What is published, by grant.
    func grants(_ hosts: [SimulatedHost]) -> [Grant: UnixTime] { Self.grants(publisher.current, hosts) }

    func watches(_ hosts: [SimulatedHost]) -> Set<Watch> { Watch.watches(publisher.current, hosts) }

    mutating func publish(_ items: [RouterFeedItem], removing keys: [String]) -> FeedMessage<RouterFeedItem>? {
        let message = publisher.update(upserts: items, removals: keys)
        return isConnected ? message : nil
    }

    mutating func connect() -> FeedMessage<RouterFeedItem> {
        isConnected = true
        return publisher.snapshot
    }

    mutating func disconnect() { isConnected = false }

    /// The router forgot everything.
    mutating func noteRestart() {
        isConnected = false
        delivered = [:]
        deliveredWatches = []
        hasDeliveredSnapshot = false
        applied = nil
    }

    mutating func noteDelivery(_ message: FeedMessage<RouterFeedItem>, _ hosts: [SimulatedHost]) {
        switch message {
        case .snapshot(_, let items):
            delivered = Self.grants(items, hosts)
            deliveredWatches = Watch.watches(items, hosts)
            hasDeliveredSnapshot = true
        case .change(_, let upserts, let removals):
            let gone = Set(removals)
            for grant in delivered.keys where gone.contains(Self.key(grant, hosts)) { delivered[grant] = nil }
            delivered.merge(Self.grants(upserts, hosts)) { $1 }
            deliveredWatches = deliveredWatches.filter { !gone.contains($0.item(hosts).key) }
            deliveredWatches.formUnion(Watch.watches(upserts, hosts))
        case .keepAlive: break
        }
    }

    mutating func noteApplied(_ position: FeedPosition) { applied = position }

    // MARK: Items

    static func item(_ grant: Grant, _ hosts: [SimulatedHost], expires: UnixTime) -> RouterFeedItem {
        .authorization(
            RouterAuthorization(
                subscriber: "viewer-\(grant.host)",
                binding: SubscriberBinding(addresses: [.v4(hosts[grant.host].address)]), tree: grant.tree,
                expires: expires))
    }

    static func key(_ grant: Grant, _ hosts: [SimulatedHost]) -> String {
        item(grant, hosts, expires: UnixTime(milliseconds: 0)).key
    }

    private static func grants(_ items: [RouterFeedItem], _ hosts: [SimulatedHost]) -> [Grant: UnixTime] {
        var grants: [Grant: UnixTime] = [:]
        for case .authorization(let entry) in items {
            guard let host = hosts.first(where: { "viewer-\($0.number)" == entry.subscriber }) else { continue }
            grants[Grant(host: host.number, tree: entry.tree)] = entry.expires
        }
        return grants
    }
}
