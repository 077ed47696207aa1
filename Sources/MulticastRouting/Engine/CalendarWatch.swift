import Clockwork

/// Converts calendar times to deadlines, and notices when the calendar was put back against the monotonic clock.
struct CalendarWatch: Sendable {
    /// A step back smaller than this is a clock being disciplined.
    static let tolerance = Duration.seconds(1)
    /// Calendar times are looked at again after this time at the latest, because the calendar may be put forward.
    static let recheck = Duration.seconds(10)

    private var last: RouterTime
    /// Calendar minus monotonic, the highest since the last step.
    private var offset: Duration

    init(_ time: RouterTime) {
        last = time
        offset = Self.offset(time)
    }

    /// True when the calendar went back.
    mutating func observe(_ time: RouterTime) -> Bool {
        last = time
        let now = Self.offset(time)
        let isStep = now < offset - Self.tolerance
        if isStep || now > offset { offset = now }
        return isStep
    }

    func deadline(of expiry: UnixTime) -> Instant {
        last.now + min(max(expiry - last.wall, .zero), Self.recheck)
    }

    private static func offset(_ time: RouterTime) -> Duration {
        .milliseconds(time.wall.milliseconds) - .nanoseconds(time.now.nanoseconds)
    }
}
