import Clockwork
import RTP

/// Asks for lost packets of one stream: notices gaps, waits for what was only overtaken, asks, and asks again until the
/// packet is there or too late.
///
///     requester.note(sequence, now: now)                       // of each media packet that arrived
///     requester.resolve(sequence, by: .repair, now: now)       // of one that came back
///     if requester.takeDue(now: now, into: &pairs) { … send the request … }   // at `deadline`
///
/// All packets of a gap are asked for together, after a random pause, so that clients that lost the same do not ask all at
/// once. Whether parity mends the packet meanwhile is not waited for. Numbers do not wrap. All memory is taken at the start.
package struct RetransmissionRequester: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// How long after a gap was noticed a packet is still of use.
        package var latency = Duration.milliseconds(500)
        /// A packet may be overtaken for so long.
        package var reorderDelay = Duration.milliseconds(5)
        /// The random pause before the first request, at most.
        package var backOff = Duration.milliseconds(10)
        /// Between requests before a round trip has been measured, and at least.
        package var firstRetry = Duration.milliseconds(60)
        package var leastRetry = Duration.milliseconds(25)
        /// Missing packets remembered, a power of two; of a longer gap only the last are asked for.
        package var window = 1024

        package init() {}
    }

    package struct Counters: Hashable, Sendable, Codable {
        /// Packets noticed missing, those included that were only overtaken.
        package internal(set) var missing: UInt64 = 0
        /// Datagrams of requests.
        package internal(set) var requests: UInt64 = 0
        /// Packets asked for, each as often as it was.
        package internal(set) var asked: UInt64 = 0
        /// Not there when they would have been of use.
        package internal(set) var givenUp: UInt64 = 0
        /// In gaps too long to be asked for.
        package internal(set) var beyondWindow: UInt64 = 0

        package init() {}
    }

    /// How a missing packet came after all.
    package enum Means: Hashable, Sendable {
        /// By itself, late; or mended by parity.
        case other
        case retransmission
    }

    private static let nothing = Int64.min
    /// Requests that are due so soon go along.
    private static let slack: Int64 = 2_000_000

    package let configuration: Configuration
    package private(set) var counters = Counters()
    /// Smoothed, from a request to its answer; nil before the first.
    package private(set) var roundTrip: Duration?

    private var deviation: Int64 = 0
    private var chance: SeededGenerator
    private var highest: Int64?
    private var numbers: [Int64]
    private var nextAsk: [Int64]
    private var useless: [Int64]
    private var askedAt: [Int64]
    private var attempts: [UInt8]
    package private(set) var outstanding = 0
    /// No later than the earliest of all that is due.
    private var wakeUp = Int64.max

    package init(configuration: Configuration = Configuration(), seed: UInt64) {
        let window = configuration.window
        precondition(window >= 16 && window.nonzeroBitCount == 1, "the window holds a power of two, at least 16")
        self.configuration = configuration
        chance = SeededGenerator(seed: seed)
        numbers = [Int64](repeating: Self.nothing, count: window)
        nextAsk = [Int64](repeating: 0, count: window)
        useless = [Int64](repeating: 0, count: window)
        askedAt = [Int64](repeating: 0, count: window)
        attempts = [UInt8](repeating: 0, count: window)
    }

    /// When `takeDue` is due.
    package var deadline: Instant? { outstanding > 0 ? Instant(nanoseconds: wakeUp) : nil }

    /// The stream's numbering began anew.
    package mutating func reset() {
        for index in numbers.indices { numbers[index] = Self.nothing }
        outstanding = 0
        highest = nil
    }

    /// Takes notice of a media packet that arrived.
    package mutating func note(_ sequence: Int64, now: Instant) {
        guard let highest else { return self.highest = sequence }
        guard sequence > highest else { return resolve(sequence, by: .other, now: now) }
        self.highest = sequence
        if sequence > highest + 1 { noteGap((highest + 1)..<sequence, now.nanoseconds) }
    }

    private mutating func noteGap(_ gap: Range<Int64>, _ now: Int64) {
        let window = Int64(configuration.window)
        let first = max(gap.lowerBound, gap.upperBound - window / 2)
        counters.missing &+= UInt64(gap.count)
        counters.beyondWindow &+= UInt64(first - gap.lowerBound)
        let ask = now &+ (configuration.reorderDelay + chance.duration(upTo: configuration.backOff)).nanoseconds
        let end = now &+ configuration.latency.nanoseconds
        for sequence in first..<gap.upperBound {
            let slot = slot(sequence)
            // What lies there is older than the window.
            if numbers[slot] != Self.nothing { giveUp(slot) }
            numbers[slot] = sequence
            nextAsk[slot] = ask
            useless[slot] = end
            attempts[slot] = 0
            outstanding += 1
        }
        wakeUp = outstanding == Int(gap.upperBound - first) ? min(ask, end) : min(wakeUp, ask)
    }

    /// The packet is there.
    package mutating func resolve(_ sequence: Int64, by means: Means, now: Instant) {
        let slot = slot(sequence)
        guard numbers[slot] == sequence else { return }
        // Which of several requests was answered is not known (Karn).
        if means == .retransmission, attempts[slot] == 1 { measure(now.nanoseconds &- askedAt[slot]) }
        numbers[slot] = Self.nothing
        outstanding -= 1
    }

    /// RFC 6298 §2.
    private mutating func measure(_ sample: Int64) {
        guard sample >= 0 else { return }
        guard let earlier = roundTrip?.nanoseconds else {
            roundTrip = .nanoseconds(sample)
            deviation = sample / 2
            return
        }
        deviation += (abs(sample - earlier) - deviation) / 4
        roundTrip = .nanoseconds(earlier + (sample - earlier) / 8)
    }

    /// How long an answer may take before it is asked for again.
    private var retry: Int64 {
        guard let roundTrip else { return configuration.firstRetry.nanoseconds }
        return max(configuration.leastRetry.nanoseconds, roundTrip.nanoseconds + 4 * deviation)
    }

    /// Gives up what came too late and puts what is to be asked for now into `pairs`, in order; false when that is nothing.
    package mutating func takeDue(now: Instant, into pairs: inout [NACKPair]) -> Bool {
        pairs.removeAll(keepingCapacity: true)
        guard outstanding > 0, let highest, wakeUp <= now.nanoseconds else { return false }
        wakeUp = .max
        let pause = retry + chance.duration(upTo: .nanoseconds(retry / 4)).nanoseconds
        let oldest = highest - Int64(configuration.window) + 1
        for place in oldest...highest {
            let slot = slot(place)
            guard numbers[slot] != Self.nothing else { continue }
            if useless[slot] <= now.nanoseconds || numbers[slot] < oldest {
                giveUp(slot)
                continue
            }
            if nextAsk[slot] <= now.nanoseconds + Self.slack { ask(slot, now.nanoseconds, pause, &pairs) }
            wakeUp = min(wakeUp, min(nextAsk[slot], useless[slot]))
        }
        if !pairs.isEmpty { counters.requests &+= 1 }
        return !pairs.isEmpty
    }

    private mutating func ask(_ slot: Int, _ now: Int64, _ pause: Int64, _ pairs: inout [NACKPair]) {
        let wire = UInt16(truncatingIfNeeded: numbers[slot])
        if pairs.isEmpty || !pairs[pairs.count - 1].take(wire) {
            // The rest goes with the next request.
            guard pairs.count < RTCPWriter.maximumPairs else { return }
            pairs.append(NACKPair(first: wire))
        }
        nextAsk[slot] = now &+ pause
        askedAt[slot] = now
        if attempts[slot] < .max { attempts[slot] += 1 }
        counters.asked &+= 1
    }

    private mutating func giveUp(_ slot: Int) {
        numbers[slot] = Self.nothing
        outstanding -= 1
        counters.givenUp &+= 1
    }

    private func slot(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence) & (configuration.window - 1) }
}
