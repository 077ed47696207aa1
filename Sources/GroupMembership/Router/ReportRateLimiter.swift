import Clockwork

/// A token bucket kept as one instant: when the messages admitted so far would have been due at the configured rate.
struct ReportRateLimiter: Sendable {
    private var paidUntil: Instant?

    /// Takes one token; false when none is left.
    mutating func admit(at now: Instant, _ rate: ReportRate) -> Bool {
        let interval = Int64(1_000_000_000 / rate.messagesPerSecond)
        let allowance = interval * Int64(rate.burst - 1)
        let due = max(paidUntil ?? now, now).nanoseconds
        guard due - now.nanoseconds <= allowance else { return false }
        paidUntil = Instant(nanoseconds: due.addingReportingOverflow(interval).partialValue)
        return true
    }
}
