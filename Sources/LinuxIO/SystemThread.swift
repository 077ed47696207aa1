import CSystemShims
import Clockwork
import Glibc

/// A thread of our own, for a loop that must not share one (pacing, a network namespace).
package struct SystemThread: ~Copyable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body`; `name` shows in `top -H`, cut to 15 bytes.
    package init(name: String, body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = Unmanaged.passRetained(Start(name: String(name.prefix(15)), body: body))
        var handle = pthread_t()
        let refused = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                _ = start.name.withCString { mrp_set_thread_name($0) }
                start.body()
                return nil
            }, start.toOpaque())
        guard refused == 0 else {
            start.release()
            throw SystemError(call: "pthread_create", errno: refused)
        }
        self.handle = handle
    }

    /// Waits for the end of the thread's body.
    package consuming func join() {
        pthread_join(handle, nil)
        discard self
    }

    deinit { pthread_detach(handle) }

    /// Lets the thread run before every ordinary one whenever it has something to do (SCHED_RR). Needs RLIMIT_RTPRIO of at
    /// least `priority`, 1...99, or CAP_SYS_NICE; EPERM otherwise, and nothing has changed.
    package borrowing func setRealTimePriority(_ priority: Int) throws(SystemError) {
        var parameters = sched_param(sched_priority: CInt(clamping: priority))
        let refused = pthread_setschedparam(handle, SCHED_RR, &parameters)
        guard refused == 0 else { throw SystemError(call: "pthread_setschedparam", errno: refused) }
    }

    /// How late the kernel may wake this thread in exchange for fewer wake-ups; the default is 50 µs.
    package static func setTimerSlack(_ slack: Duration) throws(SystemError) {
        let nanoseconds = UInt64(clamping: slack.nanoseconds)
        try shimCall("prctl") { mrp_set_timer_slack(nanoseconds) }
    }
}
