import Clockwork
import RTP
import Wire

/// Decides which lost packets are sent again, to whom: who may ask, how often, how much.
///
///     responder.handle(datagram, from: address, port: port, now: now) { order in
///         switch window(of: order.stream).write(order.sequence, now: now, into: buffer) { … send … }
///     }
///
/// A request counts only when its sender's SSRC is a session's token and it comes from that session's address, so that
/// nobody can have packets sent to somebody else. Many clients that miss the same packet cost one look-up each, and one
/// packet to the group in place of many once most of those that lose anything have lost it. Tables have fixed sizes.
package struct RetransmissionResponder: Sendable {
    /// A packet to be sent again.
    package struct Order: Hashable, Sendable {
        package enum Destination: Hashable, Sendable {
            case client(IPAddress, port: UInt16)
            /// The rendition's group, on its port for retransmissions.
            case group
        }

        /// What `add` was given for the stream.
        package var stream: UInt32
        /// Of the lost packet.
        package var sequence: UInt16
        /// Of the retransmission.
        package var number: UInt16
        package var destination: Destination
    }

    /// What became of an order.
    package enum Outcome: Hashable, Sendable {
        case sent(bytes: Int)
        case gone
        case notSent
        case failed
    }

    struct Stream: Sendable {
        var ssrc: UInt32
        var scope: UInt64
        var bitRate: Int
        var bucket: TokenBucket
        var demand = RecentDemand()
        /// Clients that asked lately.
        var clients = 0
        /// Of the next retransmission to the group.
        var number: UInt16
        /// Whether packets are sent to the group too.
        var hasGroup: Bool
        var counters = RetransmissionCounters()
    }

    struct Session: Sendable {
        var expires: Instant
        var client: Int?
    }

    package let limits: RetransmissionLimits
    /// Of requests that belong to no stream.
    package internal(set) var counters = RetransmissionCounters()
    var streams: [UInt32: Stream] = [:]
    var sessions: [RetransmissionSession: Session] = [:]
    var clients: RetransmissionClients
    var total: TokenBucket
    var chance: SeededGenerator
    let repeatInterval: Int64

    package init(limits: RetransmissionLimits = RetransmissionLimits(), seed: UInt64, now: Instant) {
        self.limits = limits
        clients = RetransmissionClients(capacity: max(1, limits.clients), timeout: limits.clientTimeout)
        total = limits.totalBucket(now: now)
        chance = SeededGenerator(seed: seed)
        repeatInterval = limits.repeatInterval.nanoseconds
    }

    // MARK: Streams and sessions

    /// Begins to serve a stream; false when its SSRC is in use already, or there are too many.
    package mutating func add(stream ssrc: UInt32, scope: UInt64, bitRate: Int, hasGroup: Bool, now: Instant) -> Bool {
        guard streams[ssrc] == nil, streams.count < limits.streams else { return false }
        streams[ssrc] = Stream(
            ssrc: ssrc, scope: scope, bitRate: bitRate, bucket: limits.streamBucket(bitRate: bitRate, now: now),
            number: .random(in: .min ... .max, using: &chance), hasGroup: hasGroup)
        return true
    }

    package mutating func remove(stream ssrc: UInt32) {
        guard streams.removeValue(forKey: ssrc) != nil else { return }
        for slot in 0..<clients.capacity where clients[slot]?.stream == ssrc { forget(slot) }
    }

    package func counters(of ssrc: UInt32) -> RetransmissionCounters? { streams[ssrc]?.counters }
    package var sessionCount: Int { sessions.count }
    package var clientCount: Int { clients.count }

    /// Lets a session ask until `expires`, or prolongs it; false when there are too many.
    @discardableResult
    package mutating func admit(_ session: RetransmissionSession, until expires: Instant) -> Bool {
        if sessions[session] != nil {
            sessions[session]?.expires = expires
            return true
        }
        guard sessions.count < limits.sessions else {
            counters.refuse(.tooManyClients)
            return false
        }
        sessions[session] = Session(expires: expires, client: nil)
        return true
    }

    package mutating func dismiss(_ session: RetransmissionSession) {
        guard let gone = sessions.removeValue(forKey: session), let client = gone.client else { return }
        release(client)
    }

    /// Forgets clients that fell silent; to be called about once a second.
    package mutating func sweep(now: Instant) {
        var slot = 0
        while let silent = clients.silent(from: slot, now: now) {
            forget(silent)
            slot = silent + 1
        }
    }

    /// Frees a client's place and what points to it.
    mutating func forget(_ slot: Int) {
        guard let client = clients[slot] else { return }
        sessions[client.session]?.client = nil
        release(slot)
    }

    private mutating func release(_ slot: Int) {
        if let stream = clients[slot]?.stream { streams[stream]?.clients -= 1 }
        clients.remove(slot)
    }
}
