import Clockwork
import LinuxIO

/// Wakes a core's driver at its next deadline, one sleeping task at a time.
struct CoreTimer {
    private var armed: Instant?
    private var task: Task<Void, Never>?

    /// Arranges for `wake` at `deadline`, in place of whatever was arranged before.
    mutating func set(_ deadline: Instant?, wake: @escaping @Sendable () async -> Void) {
        guard deadline != armed else { return }
        task?.cancel()
        task = nil
        armed = deadline
        guard let deadline else { return }
        let pause = deadline - MonotonicClock.now()
        task = Task {
            if pause > .zero { try? await Task.sleep(for: pause) }
            if !Task.isCancelled { await wake() }
        }
    }

    /// The arranged moment has come.
    mutating func fired() {
        armed = nil
        task = nil
    }

    mutating func cancel() {
        task?.cancel()
        task = nil
        armed = nil
    }
}
