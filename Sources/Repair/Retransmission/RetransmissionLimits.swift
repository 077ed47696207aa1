import Clockwork
import RTP

/// How much a responder does for whom. A client that asks for more is refused, and whatever others ask for is not touched.
package struct RetransmissionLimits: Hashable, Sendable {
    /// Of a rendition's bit rate, that one client gets on average, percent.
    package var clientShare = 25
    /// Of a rendition's bit rate, that all its clients get together on average, percent.
    package var streamShare = 400
    /// Bits a second that all clients of all renditions get together on average.
    package var totalBitRate = 200_000_000
    /// How long each of them may go unused and be made up for.
    package var burst = Duration.seconds(1)
    /// So many packets each of them allows at once at least, so that a burst of loss on a slow rendition can be mended.
    package var leastBurst = 64
    /// The same packet is not sent to the same client again sooner: the first one may be on its way.
    package var repeatInterval = Duration.milliseconds(20)
    /// Packets of one datagram of requests that are looked at.
    package var packetsPerRequest = 512
    /// Entitled clients known.
    package var sessions = 200_000
    /// Clients remembered for what they asked for; each takes about a kilobyte.
    package var clients = 4096
    /// A client that asked for nothing for so long may be forgotten for another.
    package var clientTimeout = Duration.seconds(10)
    package var streams = 1024
    /// So many clients of one rendition have to miss the same packet, and more than half of those that miss any, before it is
    /// sent to the group.
    package var clientsForMulticast = 10

    package init() {}

    func clientBucket(bitRate: Int, now: Instant) -> TokenBucket { bucket(bitRate, percent: clientShare, now) }
    func streamBucket(bitRate: Int, now: Instant) -> TokenBucket { bucket(bitRate, percent: streamShare, now) }
    func totalBucket(now: Instant) -> TokenBucket { bucket(totalBitRate, percent: 100, now) }

    private func bucket(_ bitRate: Int, percent: Int, _ now: Instant) -> TokenBucket {
        let rate = Double(max(0, bitRate)) / 8 * Double(percent) / 100
        let least = Double(leastBurst * RetransmissionPayload.datagramSize)
        return TokenBucket(bytesPerSecond: rate, depth: max(least, rate * burst.seconds), now: now)
    }
}

/// Why a packet that was asked for is not sent, or a whole request not looked at.
package enum RetransmissionRefusal: Int, Hashable, Sendable, CaseIterable {
    /// No RTCP, or no request of the form we know.
    case malformed
    /// Of a stream that is not sent here.
    case unknownStream
    /// Nobody with this token may ask from this address.
    case noSession
    case expiredSession
    /// More clients ask than are remembered.
    case tooManyClients
    /// More packets in one datagram than are looked at.
    case tooManyPackets
    /// The same client asked a moment ago.
    case repeated
    /// The client has had its share.
    case clientBudget
    /// All clients of the rendition have had theirs.
    case streamBudget
    /// All clients have had theirs.
    case totalBudget
    /// Older than the window.
    case gone
    /// Ahead of the stream.
    case notSent
    /// The kernel did not take it.
    case sendFailed

    /// For counters.
    package var name: String {
        switch self {
        case .malformed: "malformed"
        case .unknownStream: "unknown-stream"
        case .noSession: "no-session"
        case .expiredSession: "expired-session"
        case .tooManyClients: "too-many-clients"
        case .tooManyPackets: "too-many-packets"
        case .repeated: "repeated"
        case .clientBudget: "client-budget"
        case .streamBudget: "stream-budget"
        case .totalBudget: "total-budget"
        case .gone: "gone"
        case .notSent: "not-sent"
        case .sendFailed: "send-failed"
        }
    }
}

/// What a responder has done, for one stream or, where no stream is known, in all.
package struct RetransmissionCounters: Hashable, Sendable {
    /// Requests: generic NACK messages.
    package internal(set) var requests: UInt64 = 0
    /// Packets they asked for.
    package internal(set) var asked: UInt64 = 0
    /// Packets sent to one client.
    package internal(set) var sent: UInt64 = 0
    /// Packets sent to the group.
    package internal(set) var sentToGroup: UInt64 = 0
    /// Packets not sent to a client because the group got them.
    package internal(set) var coveredByGroup: UInt64 = 0
    /// Of what was sent, RTP headers included.
    package internal(set) var bytes: UInt64 = 0
    private var refusals = [UInt64](repeating: 0, count: RetransmissionRefusal.allCases.count)

    package init() {}

    package func refused(_ reason: RetransmissionRefusal) -> UInt64 { refusals[reason.rawValue] }
    package var refused: UInt64 { refusals.reduce(0, &+) }

    mutating func refuse(_ reason: RetransmissionRefusal, _ count: Int = 1) {
        refusals[reason.rawValue] &+= UInt64(max(0, count))
    }
}
