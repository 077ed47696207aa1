import Channels
import Clockwork
import ControlProtocol

/// One channel an OTT server asked to allocate.
struct ChannelState: Sendable {
    enum Phase: Hashable, Sendable {
        /// Waits for the media description.
        case describing
        /// Allocated; waits for its first viewer.
        case awaiting
        case flowing
        /// Its last viewer left a moment ago.
        case lingering
        /// Allocated ahead of any viewer, without ingest.
        case cold
        /// Allocated ahead of any viewer, and pulled.
        case warm
        case refused(AllocationRefusal)
        case released

        var isAllocated: Bool {
            switch self {
            case .awaiting, .flowing, .lingering, .cold, .warm: true
            case .describing, .refused, .released: false
            }
        }

        /// For people.
        var word: String {
            switch self {
            case .describing: "allocating"
            case .awaiting: "allocated"
            case .flowing: "flowing"
            case .lingering: "lingering"
            case .cold: "idle"
            case .warm: "warm"
            case .refused(let refusal): "refused-\(refusal.rawValue)"
            case .released: "released"
            }
        }
    }

    let server: String
    var serial: UInt64
    var preallocation: Preallocation?
    var description: MediaDescription?
    var phase: Phase
    var isIngesting = false
    /// The router came back and has not named this channel's demand yet.
    var isDemandUnconfirmed = false
}

/// Joins are known by the server that sent them: two servers may use one channel name.
struct ServedChannel: Hashable, Sendable, Comparable {
    var server: String
    var channel: ChannelKey

    static func < (left: ServedChannel, right: ServedChannel) -> Bool {
        (left.channel, left.server) < (right.channel, right.server)
    }
}

/// A replication point and what it is fed.
struct PointState: Sendable {
    var registration: ReplicationPointRegistration
    var publisher: FeedPublisher<ProxyFeedItem>
    var openFeeds = 0
    /// The publisher's revision its router has applied; nil until it said.
    var applied: UInt64?
    /// What each revision reflects of each server's feed.
    var ledgers: [String: RevisionLedger<UInt64>] = [:]
    /// Each server's revision up to which this point has applied what concerns it.
    var reached: [String: UInt64] = [:]

    init(_ registration: ReplicationPointRegistration, epoch: String) {
        self.registration = registration
        publisher = FeedPublisher(epoch: epoch)
    }

    /// The publisher's newest revision reflects `revision` of `server`.
    mutating func note(_ revision: UInt64, of server: String) {
        let current = publisher.position.revision
        if let applied, applied >= current {
            reached[server] = revision
        } else {
            ledgers[server, default: RevisionLedger()].note(revision, at: current)
        }
    }

    /// The point applied everything through `revision`; whether that let any server's revision count as reached.
    mutating func apply(through revision: UInt64) -> Bool {
        applied = max(applied ?? 0, revision)
        var isFurther = false
        for server in ledgers.keys.sorted() {
            guard let newest = ledgers[server]?.take(through: revision) else { continue }
            isFurther = isFurther || reached[server] != newest
            reached[server] = newest
        }
        return isFurther
    }

    /// `server` counts its revisions anew.
    mutating func forgetProgress(of server: String) {
        ledgers[server] = nil
        reached[server] = nil
    }

    /// It starts from nothing: whatever was applied is no longer certain.
    mutating func forgetProgress() {
        applied = nil
        ledgers = [:]
        reached = [:]
    }
}

/// An OTT server as this proxy follows it.
struct ServerState: Sendable {
    var follower: FeedFollower<ServerFeedItem>
    var hasSnapshot: Bool { follower.position != nil }
}
