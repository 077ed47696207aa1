import Clockwork
import Glibc

/// The clock of every timer: CLOCK_MONOTONIC, because the loop's own timeout (epoll_pwait2) and the kernel's group
/// timers run on it. CLOCK_BOOTTIME differs only by time a machine was suspended, which routers are not.
package enum MonotonicClock {
    package static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }
}

/// The calendar, for tokens and expiries that another host decided.
package enum WallClock {
    package static func now() -> UnixTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UnixTime(milliseconds: Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000)
    }
}
