import Clockwork
import RTP

/// Fast channel change: a burst from the replication point's ring, by unicast, ahead of the group's own packets.
///
/// The burst begins at a random-access point in the past and runs faster than the stream; the group's packets wait
/// behind it until it has caught up with them. Both carry the same RTP numbers, so the reorder buffer joins them without
/// a gap or a duplicate; this value decides when the burst is awaited, trusted, done with or given up.
struct BurstHandover: Sendable {
    struct Configuration: Hashable, Sendable {
        /// How long the burst's first packet is waited for before the group is shown as it is.
        var answerLimit = Duration.milliseconds(500)
        /// How long a burst may fall silent before it has met the group.
        var stallLimit = Duration.milliseconds(500)
        /// How long a burst may last in all.
        var totalLimit = Duration.seconds(10)
        /// So many packets both ways carry, so that the burst fills what the group lost while it was joined.
        var overlap: Int64 = 32
        /// No stretch of the ring is missing that is longer, and neither way runs further ahead of what it should follow.
        var maximumDropout: Int64 = 512
    }

    private enum Phase {
        case awaited
        case running
        case over
    }

    private let configuration: Configuration
    private let asked: Instant
    private var phase = Phase.awaited
    private var lastHeard: Instant
    private var ssrc: UInt32?
    /// The number heard last on either way: the other way's 16 bits count from it.
    private var anchor: Int64?
    /// What the group's own numbers are shifted by to agree with the burst's; known with its first packet.
    private var groupShift: Int64 = 0
    private var firstOfGroup: Int64?
    private var highestOfBurst = Int64.min
    private(set) var report = BurstReport()

    init(_ configuration: Configuration = Configuration(), now: Instant) {
        self.configuration = configuration
        asked = now
        lastHeard = now
    }

    var isOver: Bool { phase == .over }
    var isAwaited: Bool { phase == .awaited }

    /// When `expire` is due.
    var deadline: Instant? {
        switch phase {
        case .awaited: asked + configuration.answerLimit
        case .running where hasMetGroup: asked + configuration.totalLimit
        case .running: min(asked + configuration.totalLimit, lastHeard + configuration.stallLimit)
        case .over: nil
        }
    }

    private var hasMetGroup: Bool { firstOfGroup.map { highestOfBurst >= $0 } ?? false }

    /// The number of a packet of the burst; nil when it is of no use any more.
    mutating func number(ofBurst header: RTPHeader, groupSSRC: UInt32?, now: Instant) -> Int64? {
        guard phase != .over else { return nil }
        guard header.ssrc == ssrc ?? groupSSRC ?? header.ssrc else {
            end(.otherSender, now)
            return nil
        }
        let reference = ssrc == nil ? anchor : highestOfBurst
        let number = number(header.sequence)
        guard number - (reference ?? number) <= configuration.maximumDropout else {
            end(.brokenNumbering, now)
            return nil
        }
        ssrc = header.ssrc
        if phase == .awaited {
            phase = .running
            report.firstPacketDelay = (now - asked).milliseconds
        }
        lastHeard = now
        highestOfBurst = max(highestOfBurst, number)
        report.packets &+= 1
        return number
    }

    /// The number of a packet of the group that its statistics number `sequence`; nil when the group is not what the burst
    /// was, so that what was passed on so far has nothing to do with it.
    mutating func number(ofGroup sequence: Int64, ssrc group: UInt32, now: Instant) -> Int64? {
        if firstOfGroup == nil, !begin(sequence, group, now) { return nil }
        let number = sequence + groupShift
        if phase != .over { anchor = max(anchor ?? number, number) }
        return number
    }

    private mutating func begin(_ sequence: Int64, _ group: UInt32, _ now: Instant) -> Bool {
        guard let ssrc, phase != .over else {
            firstOfGroup = sequence
            return true
        }
        let first = number(UInt16(truncatingIfNeeded: sequence))
        let isBehind = highestOfBurst - first > configuration.maximumDropout
        guard ssrc == group, !isBehind else {
            end(ssrc == group ? .brokenNumbering : .otherSender, now)
            firstOfGroup = sequence
            return false
        }
        groupShift = first - sequence
        firstOfGroup = first
        return true
    }

    /// Where a packet of the group belongs that is not heard but mended.
    func place(ofGroup sequence: Int64) -> Int64 { sequence + groupShift }

    /// The group's numbering began anew, and the burst is over: nothing has to agree any more.
    mutating func forgetGroup() {
        groupShift = 0
        highestOfBurst = .min
    }

    private mutating func number(_ sequence: UInt16) -> Int64 {
        // Far enough from zero that the packets before the first heard have numbers too.
        let base = anchor ?? Int64(sequence) + 1 << 32
        let number = base + Int64(sequence.sequenceDistance(from: UInt16(truncatingIfNeeded: base)))
        anchor = max(anchor ?? number, number)
        return number
    }

    /// A packet of the burst was there already.
    mutating func noteDuplicate() { report.duplicates &+= 1 }

    /// Whether the burst has passed the packet of this number, which the group may still bring.
    func hasPassed(_ number: Int64) -> Bool { number <= highestOfBurst }

    /// A packet of the burst was the first of its number.
    mutating func noteArrival(of number: Int64) {
        if let firstOfGroup, number > firstOfGroup { report.filled &+= 1 }
    }

    /// Ends the burst once everything before `next` was passed on and both ways have run side by side for a while.
    mutating func settle(next: Int64?, now: Instant) {
        guard phase == .running, let firstOfGroup, let next else { return }
        let joint = firstOfGroup + configuration.overlap
        if highestOfBurst >= joint, next > joint { end(.handedOver, now) }
    }

    /// The burst came too late for a gap, which was given up, or begins further back than the window reaches.
    mutating func noteGap(now: Instant) {
        if phase == .running { end(.overtaken, now) }
    }

    mutating func expire(now: Instant) {
        guard let deadline, deadline <= now else { return }
        switch phase {
        case .awaited: end(.noAnswer, now)
        case .running: end(hasMetGroup ? .handedOver : .stalled, now)
        case .over: break
        }
    }

    mutating func end(_ outcome: BurstReport.Outcome, _ now: Instant) {
        guard phase != .over else { return }
        phase = .over
        report.outcome = outcome == .ended && hasMetGroup ? .handedOver : outcome
        report.duration = (now - asked).milliseconds
    }
}

/// How a fast channel change went; times are milliseconds since it was asked for.
package struct BurstReport: Hashable, Sendable, Codable {
    package enum Outcome: String, Hashable, Sendable, Codable {
        /// It is still awaited or running.
        case running
        /// The group's packets follow the burst's without a gap.
        case handedOver = "handed-over"
        /// The replication point did not answer in time, or refused.
        case noAnswer = "no-answer"
        /// It ended before it had met the group.
        case ended
        /// It fell silent before it had met the group.
        case stalled
        /// The stream ran away from it.
        case overtaken
        /// It carries another sender's stream than the group.
        case otherSender = "other-sender"
        /// Its numbers do not follow each other, or not the group's.
        case brokenNumbering = "broken-numbering"
    }

    package internal(set) var outcome = Outcome.running
    package internal(set) var firstPacketDelay: Int64?
    package internal(set) var duration: Int64?
    package internal(set) var packets: UInt64 = 0
    /// Packets that the group had brought already.
    package internal(set) var duplicates: UInt64 = 0
    /// Packets after the group's first that the burst brought and the group had not: lost at the seam, or on their way.
    package internal(set) var filled: UInt64 = 0

    package init() {}
}
