import CSystemShims
import Glibc

/// Nanoseconds this thread has run, in the kernel too: what one core does must not depend on who else uses the machine.
enum ThreadProcessorTime {
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}
