import Clockwork
import LinuxIO

/// Names for lives and numbers that no earlier life can have used.
enum LifeName {
    /// Names this life of a publisher: the calendar, and chance for two lives within one millisecond.
    static func make() -> String {
        let time = String(WallClock.now().milliseconds, radix: 36)
        return "\(time)-\(String(UInt32.random(in: .min ... .max), radix: 36))"
    }

    /// A generation above all that were given out before, where it is not known which: the calendar's seconds times 2^20.
    static func firstGeneration() -> UInt64 {
        UInt64(clamping: WallClock.now().milliseconds / 1_000) << 20
    }
}
