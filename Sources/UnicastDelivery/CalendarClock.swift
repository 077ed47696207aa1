import Clockwork

/// Extends the 32-bit timestamps of one sender to a line that every receiver of it agrees on, whenever each began.
///
/// The sender's timestamps are about the calendar in 90 kHz units, of which the packet carries the low 32 bits. The rest
/// is supplied by this host's own calendar, so hosts agree as long as theirs differ by less than six hours.
package struct CalendarClock: Sendable {
    /// A step between two packets beyond this is no continuation.
    package static let longestStep: Int64 = 10 * ticksPerSecond
    package static let ticksPerSecond: Int64 = 90_000

    private var last: Int64?

    package init() {}

    /// 90 kHz ticks since 1970.
    package mutating func extend(_ timestamp: UInt32, wallNow: UnixTime) -> Int64 {
        if let last {
            let step = Int64(Int32(truncatingIfNeeded: Int64(timestamp) &- last))
            if abs(step) <= Self.longestStep {
                self.last = last + step
                return last + step
            }
        }
        let near = Self.ticks(at: wallNow)
        let extended = near - Int64(Int32(truncatingIfNeeded: near &- Int64(timestamp)))
        last = extended
        return extended
    }

    package static func ticks(at time: UnixTime) -> Int64 { time.milliseconds &* (ticksPerSecond / 1000) }

    package static func unixTime(_ ticks: Int64) -> UnixTime {
        UnixTime(milliseconds: ticks / (ticksPerSecond / 1000))
    }

    package static func duration(_ ticks: Int64) -> Duration { .nanoseconds(ticks &* 100_000 / 9) }

    package static func ticks(_ duration: Duration) -> Int64 {
        let (seconds, rest) = duration.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return seconds &* ticksPerSecond &+ rest * 9 / 100_000
    }
}
