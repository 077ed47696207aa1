import Clockwork
import Wire

/// Names one session: what a request must show.
package struct RetransmissionSession: Hashable, Sendable {
    /// What it may ask for: the streams that were added with the same scope.
    package var scope: UInt64
    /// The source its requests come from (RFC 3550's SSRC of the sender), secret to everybody else.
    package var token: UInt32
    package var address: IPAddress

    package init(scope: UInt64, token: UInt32, address: IPAddress) {
        self.scope = scope
        self.token = token
        self.address = address
    }
}

/// A client that asks: its budget, its numbering, what it asked for lately.
struct RetransmissionClient: Sendable {
    var session: RetransmissionSession
    var stream: UInt32
    var bucket: TokenBucket
    /// Of the next retransmission to it.
    var sequence: UInt16
    var lastHeard: Instant
}

/// The clients that ask, in a table of fixed size.
struct RetransmissionClients: Sendable {
    /// Of each client's last requests; a power of two.
    private static let remembered = 64
    /// Places looked at for one that may be given away.
    private static let probes = 16

    private var slots: [RetransmissionClient?]
    private var free: [Int]
    private var hand = 0
    private var recentSequences: [UInt16]
    private var recentTimes: [Int64]
    private let timeout: Duration

    init(capacity: Int, timeout: Duration) {
        slots = [RetransmissionClient?](repeating: nil, count: capacity)
        free = Array((0..<capacity).reversed())
        recentSequences = [UInt16](repeating: 0, count: capacity * Self.remembered)
        recentTimes = [Int64](repeating: .min / 2, count: capacity * Self.remembered)
        self.timeout = timeout
    }

    var capacity: Int { slots.count }
    var count: Int { slots.count - free.count }
    subscript(slot: Int) -> RetransmissionClient? { slots[slot] }

    /// A place for a client, taken from one that fell silent where none is free; nil when all are in use. Answers whom it
    /// was taken from.
    mutating func add(
        _ client: RetransmissionClient, now: Instant
    ) -> (slot: Int, replaced: RetransmissionClient?)? {
        if let slot = free.popLast() {
            place(client, in: slot)
            return (slot, nil)
        }
        for _ in 0..<Self.probes {
            hand = (hand + 1) % slots.count
            guard let held = slots[hand], now - held.lastHeard >= timeout else { continue }
            place(client, in: hand)
            return (hand, held)
        }
        return nil
    }

    private mutating func place(_ client: RetransmissionClient, in slot: Int) {
        slots[slot] = client
        for index in (slot * Self.remembered)..<((slot + 1) * Self.remembered) { recentTimes[index] = .min / 2 }
    }

    mutating func remove(_ slot: Int) {
        guard slots[slot] != nil else { return }
        slots[slot] = nil
        free.append(slot)
    }

    mutating func update(_ slot: Int, _ change: (inout RetransmissionClient) -> Void) {
        guard var client = slots[slot] else { return }
        change(&client)
        slots[slot] = client
    }

    /// Whether the client got, or was refused, the packet within `interval` nanoseconds; if not, it is noted now.
    mutating func repeats(_ sequence: UInt16, by slot: Int, now: Int64, interval: Int64) -> Bool {
        let index = slot * Self.remembered + Int(sequence) % Self.remembered
        if recentSequences[index] == sequence, now - recentTimes[index] < interval { return true }
        recentSequences[index] = sequence
        recentTimes[index] = now
        return false
    }

    /// The first client from `slot` on that has been silent for the timeout.
    func silent(from slot: Int, now: Instant) -> Int? {
        (slot..<slots.count).first { slots[$0].map { now - $0.lastHeard >= timeout } ?? false }
    }
}
