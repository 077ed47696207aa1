/// A moment on the monotonic clock of whoever drives a core: nanoseconds since an arbitrary start.
///
/// Arithmetic saturates, so that no configured duration and no number from the network can trap.
@usableFromInline
package struct Instant: Hashable, Sendable, Comparable, CustomStringConvertible {
    @usableFromInline package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static let zero = Instant(nanoseconds: 0)
    package static let distantFuture = Instant(nanoseconds: .max)

    @inlinable
    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (instant: Instant, duration: Duration) -> Instant {
        instant.advanced(byNanoseconds: duration.nanoseconds)
    }

    /// What `+` does, for a duration that was taken apart once instead of for every packet.
    @inlinable
    package func advanced(byNanoseconds count: Int64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
        return Instant(nanoseconds: overflow ? (count < 0 ? .min : .max) : sum)
    }

    package static func - (instant: Instant, duration: Duration) -> Instant {
        let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(duration.nanoseconds)
        return Instant(nanoseconds: overflow ? (duration.nanoseconds < 0 ? .max : .min) : difference)
    }

    package static func - (left: Instant, right: Instant) -> Duration {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return .nanoseconds(overflow ? (left < right ? .min : .max) : difference)
    }

    @usableFromInline package var description: String { "t+\(Double(nanoseconds) / 1e9)s" }
}

extension Duration {
    /// Whole nanoseconds, clamped to what 64 bits hold (292 years either way).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds, rounded down.
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Seconds as a number for people and for JSON.
    package var seconds: Double { Double(nanoseconds) / 1e9 }
}

extension Optional where Wrapped == Instant {
    /// The sooner of two deadlines, where nil means "none".
    package static func earliest(_ left: Instant?, _ right: Instant?) -> Instant? {
        switch (left, right) {
        case (nil, let other), (let other, nil): other
        case (let mine?, let theirs?): min(mine, theirs)
        }
    }
}
