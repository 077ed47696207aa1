import Clockwork

/// What a receiver knows about one RTP stream: loss, order, duplicates and jitter (RFC 3550 appendices A.1, A.3, A.8).
///
/// Of several senders only one is followed: the first heard, until it has been silent for `sourceTimeout`.
package struct ReceiverStatistics: Sendable {
    package struct Counters: Hashable, Sendable, Codable {
        /// Without duplicates.
        package internal(set) var packets: UInt64 = 0
        package internal(set) var duplicates: UInt64 = 0
        /// Arrived after a packet with a higher number.
        package internal(set) var reordered: UInt64 = 0
        /// So late that they can no longer be told from duplicates.
        package internal(set) var tooLate: UInt64 = 0
        /// Of another sender while ours was alive.
        package internal(set) var foreign: UInt64 = 0
        /// Never arrived, or not yet, and were made from others.
        package internal(set) var mended: UInt64 = 0
        /// Times numbering began anew: another sender, or a jump that two packets confirmed.
        package internal(set) var restarts: UInt64 = 0

        package init() {}
    }

    package enum Verdict: Hashable, Sendable {
        /// Take it; `sequence` never wraps.
        case accepted(sequence: Int64)
        /// Take it and forget what came before.
        case restarted(sequence: Int64)
        case duplicate
        case tooLate
        case foreign
        /// A jump that the next packet may confirm (RFC 3550 A.1).
        case unconfirmed
    }

    /// How far back a late packet is still recognised.
    package static let window: Int64 = 4096
    /// A jump forward beyond this begins anew once confirmed.
    package static let maximumDropout = 3000
    package static let sourceTimeout = Duration.milliseconds(500)

    package private(set) var counters = Counters()
    package private(set) var ssrc: UInt32?
    /// Sum over all numberings that came before this one.
    private var earlierExpected: Int64 = 0
    private var base: Int64 = 0
    private var highest: Int64 = -1
    private var unconfirmed: UInt16?
    private var sinceBegin = 0
    private var lastHeard = Instant.zero
    /// One bit a sequence number of the window.
    private var seen = [UInt64](repeating: 0, count: Int(window / 64))
    private var lastTransit: Int64?
    /// In timestamp units, times sixteen.
    private var scaledJitter: Int64 = 0

    package init() {}

    package var expected: UInt64 { UInt64(max(0, earlierExpected + (ssrc == nil ? 0 : highest - base + 1))) }

    /// Missing so far, in spite of repair; a packet that still arrives late lowers it again.
    package var lost: UInt64 { expected - min(expected, counters.packets &+ counters.mended) }

    /// Interarrival jitter (RFC 3550 A.8).
    package var jitter: Duration { .nanoseconds(scaledJitter * 100_000 / 9 / 16) }

    package mutating func receive(_ header: RTPHeader, arrival: Instant) -> Verdict {
        if let ssrc, ssrc != header.ssrc {
            guard arrival - lastHeard >= Self.sourceTimeout else {
                counters.foreign &+= 1
                return .foreign
            }
            return restart(header, arrival)
        }
        lastHeard = arrival
        guard ssrc != nil else {
            begin(header, arrival)
            return .accepted(sequence: highest)
        }
        let distance = header.sequence.sequenceDistance(from: UInt16(truncatingIfNeeded: highest))
        if distance > Self.maximumDropout || distance <= -Int(Self.window) {
            guard unconfirmed == header.sequence else {
                unconfirmed = header.sequence &+ 1
                return .unconfirmed
            }
            return restart(header, arrival)
        }
        unconfirmed = nil
        return place(highest + Int64(distance), header, arrival)
    }

    /// Notes that a packet was mended; false when it is not missing, or from before the stream began here. Should it arrive
    /// after all, it is a duplicate.
    package mutating func mend(_ sequence: Int64) -> Bool {
        guard ssrc != nil, sequence >= base, sequence > highest - Self.window,
            sequence <= highest + Int64(Self.maximumDropout)
        else { return false }
        if sequence > highest {
            for skipped in (highest + 1)...sequence { setSeen(skipped, false) }
            highest = sequence
        }
        guard !isSeen(sequence) else { return false }
        setSeen(sequence, true)
        counters.mended &+= 1
        return true
    }

    private mutating func place(_ sequence: Int64, _ header: RTPHeader, _ arrival: Instant) -> Verdict {
        if sequence > highest {
            for skipped in (highest + 1)...sequence { setSeen(skipped, false) }
            highest = sequence
        } else {
            if sequence < base {
                // Some switches send the first packet of a group by a slower path than the rest.
                guard sinceBegin < ReorderBuffer.gatheredAtStart else {
                    counters.tooLate &+= 1
                    return .tooLate
                }
                base = sequence
            }
            guard !isSeen(sequence) else {
                counters.duplicates &+= 1
                return .duplicate
            }
            counters.reordered &+= 1
        }
        setSeen(sequence, true)
        counters.packets &+= 1
        sinceBegin += 1
        noteTransit(header, arrival)
        return .accepted(sequence: sequence)
    }

    private mutating func restart(_ header: RTPHeader, _ arrival: Instant) -> Verdict {
        earlierExpected += highest - base + 1
        counters.restarts &+= 1
        begin(header, arrival)
        return .restarted(sequence: highest)
    }

    private mutating func begin(_ header: RTPHeader, _ arrival: Instant) {
        ssrc = header.ssrc
        lastHeard = arrival
        unconfirmed = nil
        sinceBegin = 1
        // Far enough from zero that the packets before the first heard have numbers too.
        base = Int64(header.sequence) + 1 << 32
        highest = base
        lastTransit = nil
        for index in seen.indices { seen[index] = 0 }
        setSeen(base, true)
        counters.packets &+= 1
        noteTransit(header, arrival)
    }

    private mutating func noteTransit(_ header: RTPHeader, _ arrival: Instant) {
        let now = RTPClock.timestamp(atNanoseconds: arrival.nanoseconds)
        let transit = Int64(now &- header.timestamp)
        defer { lastTransit = transit }
        guard let lastTransit else { return }
        let difference = abs(Int64(Int32(truncatingIfNeeded: transit - lastTransit)))
        scaledJitter += difference - (scaledJitter + 8) >> 4
    }

    private func isSeen(_ sequence: Int64) -> Bool {
        let bit = sequence % Self.window
        return seen[Int(bit / 64)] & 1 << UInt64(bit % 64) != 0
    }

    private mutating func setSeen(_ sequence: Int64, _ value: Bool) {
        let bit = sequence % Self.window
        let mask: UInt64 = 1 << UInt64(bit % 64)
        if value { seen[Int(bit / 64)] |= mask } else { seen[Int(bit / 64)] &= ~mask }
    }
}
