import Clockwork

/// Puts payloads back in order, waiting for a missing one no longer than `holdTime` and no further than `capacity`
/// packets. All memory is taken at the start; a packet in order is passed on without being copied.
package struct ReorderBuffer: Sendable {
    package struct Counters: Hashable, Sendable, Codable {
        /// Sequence numbers given up.
        package internal(set) var skipped: UInt64 = 0
        /// Arrived after they had been given up.
        package internal(set) var tooLate: UInt64 = 0
        /// Payloads larger than a slot.
        package internal(set) var tooLarge: UInt64 = 0

        package init() {}
    }

    /// So many packets are gathered before the first is passed on: some switches send the first packet of a group by a
    /// slower path than the rest.
    package static let gatheredAtStart = 8

    package let capacity: Int
    /// How long a missing packet is waited for, and at the start the first ones for each other.
    package var holdTime: Duration
    package private(set) var counters = Counters()

    private let slotSize: Int
    private var storage: [UInt8]
    private var lengths: [Int32]
    private var arrivals: [Instant]
    private var stored = 0
    /// The number to pass on next; nil while gathering.
    package private(set) var next: Int64?
    /// Gathering ends by `begin` or by time only.
    private var isHeld = false
    private var lowest = Int64.max
    private var highest = Int64.min
    private var firstArrival = Instant.zero

    package init(capacity: Int = 512, slotSize: Int = 1500, holdTime: Duration = .milliseconds(100)) {
        precondition(capacity > Self.gatheredAtStart && slotSize > 0, "a buffer too small to be one")
        self.capacity = capacity
        self.slotSize = slotSize
        self.holdTime = holdTime
        storage = [UInt8](repeating: 0, count: capacity * slotSize)
        lengths = [Int32](repeating: -1, count: capacity)
        arrivals = [Instant](repeating: .zero, count: capacity)
    }

    /// When `release` is due.
    package var deadline: Instant? {
        guard stored > 0 else { return nil }
        guard let next else { return firstArrival + holdTime }
        // The first packet behind the gap has waited longest of those that matter.
        return firstStored(from: next).map { arrivals[slot($0)] + holdTime }
    }

    /// Passes nothing on until `begin` says where to, or `holdTime` is over: what comes first is yet to come.
    package mutating func hold() {
        precondition(next == nil, "begun already")
        isHeld = true
    }

    /// Passes on from `sequence`, whatever was gathered from other numbers; what lies before it is too late. Does nothing
    /// when begun already, or when `sequence` lies so far back that not everything gathered has room behind it.
    package mutating func begin(at sequence: Int64, deliver: (RawSpan) -> Void) {
        guard next == nil, stored == 0 || highest - sequence < Int64(capacity) else { return }
        isHeld = false
        next = sequence
        for early in lowest..<max(lowest, min(sequence, highest + 1)) where lengths[slot(early)] >= 0 {
            lengths[slot(early)] = -1
            stored -= 1
            counters.tooLate &+= 1
        }
        deliverStored(deliver)
    }

    /// Takes a payload under a number that does not wrap; each number at most once.
    package mutating func insert(
        _ payload: RawSpan, sequence: Int64, now: Instant, deliver: (RawSpan) -> Void
    ) {
        guard payload.byteCount <= slotSize else {
            counters.tooLarge &+= 1
            return
        }
        guard let expected = next else { return gather(payload, sequence, now, deliver) }
        if sequence < expected {
            counters.tooLate &+= 1
        } else if sequence == expected {
            deliver(payload)
            next = expected + 1
            deliverStored(deliver)
        } else {
            while let expected = next, sequence - expected >= Int64(capacity) { giveUpGap(upTo: sequence, deliver) }
            if sequence == next {
                deliver(payload)
                next = sequence + 1
                deliverStored(deliver)
            } else {
                store(payload, sequence, now)
            }
        }
    }

    /// Gives up everything missing before `sequence`: it is known not to come.
    package mutating func skip(to sequence: Int64, deliver: (RawSpan) -> Void) {
        while let next, next < sequence { giveUpGap(upTo: sequence, deliver) }
    }

    /// Gives up what has been waited for long enough.
    package mutating func release(now: Instant, deliver: (RawSpan) -> Void) {
        while let deadline, deadline <= now {
            if next == nil { finishGathering(deliver) } else { giveUpGap(upTo: .max, deliver) }
        }
    }

    /// Passes on everything that is there and begins anew with the next packet.
    package mutating func flush(deliver: (RawSpan) -> Void) {
        if next == nil, stored > 0 { finishGathering(deliver) }
        while stored > 0 { giveUpGap(upTo: .max, deliver) }
        next = nil
        isHeld = false
        lowest = .max
        highest = .min
    }

    // MARK: The start

    private mutating func gather(
        _ payload: RawSpan, _ sequence: Int64, _ now: Instant, _ deliver: (RawSpan) -> Void
    ) {
        let spread = max(highest, sequence) - min(lowest, sequence)
        if stored > 0, spread >= Int64(capacity) {
            finishGathering(deliver)
            return insert(payload, sequence: sequence, now: now, deliver: deliver)
        }
        if stored == 0 { firstArrival = now }
        lowest = min(lowest, sequence)
        highest = max(highest, sequence)
        store(payload, sequence, now)
        if stored >= Self.gatheredAtStart, !isHeld { finishGathering(deliver) }
    }

    private mutating func finishGathering(_ deliver: (RawSpan) -> Void) {
        isHeld = false
        next = lowest
        deliverStored(deliver)
    }

    // MARK: Slots

    /// Whether a packet waits under this number, which must not lie a whole capacity ahead.
    package func holds(_ sequence: Int64) -> Bool {
        guard let next, sequence >= next, sequence - next < Int64(capacity) else { return false }
        return lengths[slot(sequence)] >= 0
    }

    private func slot(_ sequence: Int64) -> Int { Int(sequence % Int64(capacity)) }

    private mutating func store(_ payload: RawSpan, _ sequence: Int64, _ now: Instant) {
        let slot = slot(sequence)
        guard lengths[slot] < 0 else { return }
        lengths[slot] = Int32(payload.byteCount)
        arrivals[slot] = now
        stored += 1
        let start = slot * slotSize
        storage.withUnsafeMutableBytes { into in
            payload.withUnsafeBytes { from in
                // Safe: a payload is no longer than a slot, and the slot lies within the storage.
                UnsafeMutableRawBufferPointer(rebasing: into[start..<(start + from.count)]).copyMemory(from: from)
            }
        }
    }

    private func firstStored(from sequence: Int64) -> Int64? {
        guard stored > 0 else { return nil }
        return (sequence..<(sequence + Int64(capacity))).first { lengths[slot($0)] >= 0 }
    }

    private mutating func deliverStored(_ deliver: (RawSpan) -> Void) {
        while stored > 0, let sequence = next, lengths[slot(sequence)] >= 0 {
            let slot = slot(sequence)
            let start = slot * slotSize
            let length = Int(lengths[slot])
            lengths[slot] = -1
            stored -= 1
            next = sequence + 1
            deliver(storage.span.bytes.extracting(start..<(start + length)))
        }
    }

    /// Steps over missing packets to the next stored one, or as far as `limit` needs.
    private mutating func giveUpGap(upTo limit: Int64, _ deliver: (RawSpan) -> Void) {
        guard let expected = next else { return }
        let target = min(firstStored(from: expected) ?? limit, limit)
        counters.skipped &+= UInt64(max(0, target - expected))
        next = target
        deliverStored(deliver)
    }
}
