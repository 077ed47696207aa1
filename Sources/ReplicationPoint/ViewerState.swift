import Clockwork
import ControlProtocol
import Wire

/// A viewer's request with its credentials looked into, as the core judges it.
package struct ViewerAsk: Hashable, Sendable {
    package enum Proof: Hashable, Sendable {
        /// Signed by the proxy; `text` is what the session's URLs carry.
        case grant(ViewerGrant, text: String)
        case refused(GrantRefusal)
        case none
    }

    package var channel: ChannelKey
    package var purpose: ViewerRequest.Purpose
    package var address: IPAddress
    package var proof: Proof

    package init(channel: ChannelKey, purpose: ViewerRequest.Purpose, address: IPAddress, proof: Proof) {
        self.channel = channel
        self.purpose = purpose
        self.address = address
        self.proof = proof
    }
}

/// Who watches what from where: at most one session each.
struct ViewerKey: Hashable, Sendable {
    var subscriber: String
    var channel: ChannelKey
    var address: IPAddress
}

/// A session with what it has open.
struct ViewerState: Sendable {
    var id: UInt64
    var key: ViewerKey
    /// What its URLs carry.
    var grant: String?
    var since: UnixTime
    var lastUse: Instant
    /// Open streams by rendition; none is zero.
    var streams: [String: Int] = [:]
    /// Renditions of playlists and streams in use a moment ago, and until when they count as wanted.
    var held: [String: Instant] = [:]
    /// Of streams that ended and of playlists and segments.
    var bytes: UInt64 = 0

    var openStreams: Int { streams.values.reduce(0, +) }
    /// In the order of their names.
    var renditions: [String] { Set(streams.keys).union(held.keys).sorted() }
}

/// What was last refused to a subscriber, for `explain`; a bounded list, the oldest entry goes first.
struct RefusalLog: Sendable {
    static let maximumEntries = 1_024

    struct Entry: Hashable, Sendable {
        var subscriber: String
        var channel: ChannelKey
        var address: IPAddress
        var refusal: ViewerRefusal
    }

    private(set) var entries: [Entry] = []

    mutating func note(_ entry: Entry) {
        entries.removeAll { $0.subscriber == entry.subscriber && $0.channel == entry.channel }
        entries.append(entry)
        if entries.count > Self.maximumEntries { entries.removeFirst(entries.count - Self.maximumEntries) }
    }

    mutating func forget(_ subscriber: String, _ channel: ChannelKey) {
        entries.removeAll { $0.subscriber == subscriber && $0.channel == channel }
    }

    func last(_ subscriber: String, _ channel: ChannelKey) -> Entry? {
        entries.last { $0.subscriber == subscriber && $0.channel == channel }
    }
}
