import Clockwork

/// How often a participant sends RTCP (RFC 3550 §6.3.1, appendix A.7).
package struct RTCPInterval: Sendable {
    package static let minimum = Duration.seconds(5)
    /// Of the session's bit rate, for all participants together.
    package static let bandwidthPercent = 5
    /// Makes up for the mean of what is drawn and reconsidered: e - 3/2.
    private static let compensation = 1.21828

    /// Bytes a second that all participants' RTCP may take.
    package var bandwidth: Double
    /// Participants, senders included, and senders.
    package var members: Int
    package var senders: Int
    /// Of recent compound packets with their IP and UDP headers, bytes.
    package var averageSize: Double

    package init(sessionBitRate: Int, members: Int = 1, senders: Int = 1, averageSize: Double) {
        bandwidth = Double(max(1, sessionBitRate)) / 8 * Double(Self.bandwidthPercent) / 100
        self.members = max(1, members)
        self.senders = min(max(0, senders), self.members)
        self.averageSize = averageSize
    }

    /// Until the next report of a sender, drawn anew each time; the first may come after half the minimum.
    package func next(isFirst: Bool, using chance: inout SeededGenerator) -> Duration {
        // A quarter is the senders' where they are fewer than that.
        let isMinority = senders * 4 <= members
        let share = isMinority ? bandwidth / 4 : bandwidth
        let seconds = Double(isMinority ? senders : members) * averageSize / share
        let least = Self.minimum.seconds / (isFirst ? 2 : 1)
        let drawn = max(seconds, least) * Double.random(in: 0.5...1.5, using: &chance) / Self.compensation
        return .nanoseconds(Int64(min(drawn, 1e6) * 1e9))
    }
}
