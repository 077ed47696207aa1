import Clockwork
import LinuxIO

/// What systemd hears of this program: that it is ready, that it is alive, and one line about it.
final class ServiceStatus {
    private let path: String?
    private let loop: EventLoop
    private var watchdog: EventLoop.Timer?

    init(loop: EventLoop, environment: (String) -> String? = ServiceManager.environment) {
        self.loop = loop
        path = environment("NOTIFY_SOCKET")
        guard let timeout = ServiceManager.watchdogTimeout() else { return }
        let interval = timeout / 3
        watchdog = loop.makeTimer { [unowned self] now in
            notify("WATCHDOG=1")
            if let watchdog { loop.setDeadline(watchdog, now + interval) }
        }
        if let watchdog { loop.setDeadline(watchdog, MonotonicClock.now()) }
    }

    func ready(_ status: String) { notify("READY=1", "STATUS=\(status)") }
    func reloading() {
        notify("RELOADING=1", "MONOTONIC_USEC=\(MonotonicClock.now().nanoseconds / 1000)")
    }
    func stopping() { notify("STOPPING=1") }

    /// A manager that does not listen is no reason to stop forwarding.
    private func notify(_ assignments: String...) {
        guard let path else { return }
        try? ServiceManager(path: path).notify(assignments.joined(separator: "\n"))
    }
}
