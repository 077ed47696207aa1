import Clockwork
import CSystemShims
import Glibc

/// One thread, one epoll, one sleep until the next deadline.
///
/// Everything added to a loop runs on the thread that called `run()`, one handler at a time, so handlers need no locks.
/// Handlers stand in a table by slot: dispatching an event allocates nothing. Only `remote` and mailboxes may be used
/// from other threads. Each round: ready descriptors, due timers, then `beforeWaiting`.
package final class EventLoop {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable = Interest(rawValue: EPOLLIN.rawValue)
        package static let writable = Interest(rawValue: EPOLLOUT.rawValue)
    }

    package struct Events: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let readable = Events(rawValue: EPOLLIN.rawValue)
        package static let writable = Events(rawValue: EPOLLOUT.rawValue)
        /// An error is pending on the descriptor or the other side is gone; reading tells which.
        package static let hangUp = Events(rawValue: EPOLLHUP.rawValue)
        package static let error = Events(rawValue: EPOLLERR.rawValue)
    }

    /// Names one registration; a stale token touches nothing.
    package struct Token: Hashable, Sendable {
        fileprivate let slot: UInt32
        fileprivate let generation: UInt32
        fileprivate var packed: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
    }

    /// Names one timer of one loop.
    package struct Timer: Hashable, Sendable {
        fileprivate let index: Int
    }

    private struct Slot {
        var descriptor: CInt = -1
        var generation: UInt32 = 0
        var handler: ((Events) -> Void)?
    }

    private struct TimerSlot {
        var deadline: Instant?
        var handler: ((Instant) -> Void)?
    }

    package static let eventsPerWait = 64

    private let epoll: FileDescriptor
    private let events: UnsafeMutableBufferPointer<epoll_event>
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var timers: [TimerSlot] = []
    private var beforeWaitingHandler: (() -> Void)?
    private var mailboxDrains: [() -> Void] = []
    private var signals: FileDescriptor?
    private var isStopped = false

    /// Wakes or stops this loop from any thread.
    package let remote: LoopRemote

    package init() throws(SystemError) {
        epoll = FileDescriptor(owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        events = .allocate(capacity: Self.eventsPerWait)
        remote = try LoopRemote()
        try add(number: remote.wakeUpNumber, .readable) { [unowned self] _ in
            remote.acknowledge()
            if remote.isStopRequested { isStopped = true }
            for drain in mailboxDrains { drain() }
        }
    }

    deinit { events.deallocate() }

    // MARK: Descriptors

    /// Calls `handler` whenever `descriptor` is ready. Remove the registration before the descriptor is closed: where a
    /// duplicate lives on (a keeper, an fd store) the kernel would go on reporting it.
    @discardableResult
    package func add(
        _ descriptor: borrowing FileDescriptor, _ interest: Interest, handler: @escaping (Events) -> Void
    ) throws(SystemError) -> Token {
        try add(number: descriptor.number, interest, handler: handler)
    }

    /// As `add`, for a descriptor that a C library owns; `handler` runs whenever it is readable.
    @discardableResult
    package func add(borrowing number: CInt, handler: @escaping () -> Void) throws(SystemError) -> Token {
        try add(number: number, .readable) { _ in handler() }
    }

    @discardableResult
    private func add(
        number: CInt, _ interest: Interest, handler: @escaping (Events) -> Void
    ) throws(SystemError) -> Token {
        let index = freeSlots.popLast() ?? UInt32(slots.count)
        if index == slots.count { slots.append(Slot()) }
        let token = Token(slot: index, generation: slots[Int(index)].generation)
        do throws(SystemError) {
            try control(EPOLL_CTL_ADD, number, interest, token)
        } catch {
            freeSlots.append(index)
            throw error
        }
        slots[Int(index)].descriptor = number
        slots[Int(index)].handler = handler
        return token
    }

    /// Changes what `token` waits for; no interest at all still reports a hang-up.
    package func update(_ token: Token, _ interest: Interest) throws(SystemError) {
        guard let slot = live(token) else { return }
        try control(EPOLL_CTL_MOD, slots[slot].descriptor, interest, token)
    }

    package func remove(_ token: Token) {
        guard let slot = live(token) else { return }
        // The only failure is a descriptor that was closed too early, and then the kernel has dropped it already.
        _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, slots[slot].descriptor, nil)
        slots[slot] = Slot(generation: slots[slot].generation &+ 1)
        freeSlots.append(token.slot)
    }

    private func live(_ token: Token) -> Int? {
        let slot = Int(token.slot)
        guard slot < slots.count, slots[slot].generation == token.generation, slots[slot].handler != nil else {
            return nil
        }
        return slot
    }

    private func control(_ operation: CInt, _ number: CInt, _ interest: Interest, _ token: Token) throws(SystemError) {
        var event = epoll_event()
        event.events = interest.rawValue
        event.data.u64 = token.packed
        let epoll = epoll.number
        try systemCall("epoll_ctl") { epoll_ctl(epoll, operation, number, &event) }
    }

    // MARK: Timers

    /// A timer without a deadline yet. A loop holds a handful: whoever has many keeps a `DeadlineQueue` behind one.
    package func makeTimer(_ handler: @escaping (Instant) -> Void) -> Timer {
        timers.append(TimerSlot(handler: handler))
        return Timer(index: timers.count - 1)
    }

    /// Sets, moves or (nil) clears the deadline; the handler runs once for it.
    package func setDeadline(_ timer: Timer, _ deadline: Instant?) {
        timers[timer.index].deadline = deadline
    }

    private func runDueTimers() {
        guard timers.contains(where: { $0.deadline != nil }) else { return }
        let now = MonotonicClock.now()
        for index in timers.indices {
            guard let deadline = timers[index].deadline, deadline <= now else { continue }
            timers[index].deadline = nil
            timers[index].handler?(now)
        }
    }

    private var nextDeadline: Instant? {
        var next: Instant?
        for timer in timers { next = .earliest(next, timer.deadline) }
        return next
    }

    // MARK: Rounds

    /// Runs after each round of events, before the loop sleeps: the place to apply what a whole round has changed.
    package func beforeWaiting(_ handler: @escaping () -> Void) {
        beforeWaitingHandler = handler
    }

    /// Takes these signals out of the process's hands and reports them here. Call it before any thread starts, since
    /// threads inherit the mask.
    package func onSignals(_ numbers: [CInt], handler: @escaping (CInt) -> Void) throws(SystemError) {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        let refused = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard refused == 0 else { throw SystemError(call: "pthread_sigmask", errno: refused) }
        let flags = CInt(SFD_CLOEXEC) | CInt(SFD_NONBLOCK)
        let descriptor = FileDescriptor(owning: try systemCall("signalfd") { signalfd(-1, &set, flags) })
        let number = descriptor.number
        try add(descriptor, .readable) { _ in
            var info = signalfd_siginfo()
            while read(number, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
                handler(CInt(info.ssi_signo))
            }
        }
        signals = consume descriptor
    }

    /// A bounded queue into this loop; `handler` runs on the loop's thread.
    package func mailbox<Message: Sendable>(
        limit: Int, handler: @escaping (Message) -> Void
    ) -> Mailbox<Message> {
        let mailbox = Mailbox<Message>(limit: limit, remote: remote)
        mailboxDrains.append {
            for message in mailbox.takeAll() { handler(message) }
        }
        return mailbox
    }

    /// Serves until `stop()`.
    package func run() throws(SystemError) {
        while !isStopped {
            runDueTimers()
            beforeWaitingHandler?()
            if isStopped { break }
            try waitOnce(until: nextDeadline)
        }
        isStopped = false
    }

    /// Ends `run()` after the round in progress; from another thread use `remote.stop()`.
    package func stop() {
        isStopped = true
    }

    private func waitOnce(until deadline: Instant?) throws(SystemError) {
        let count = wait(until: deadline)
        guard count >= 0 else {
            let failure = errno
            if failure == EINTR { return }
            throw SystemError(call: "epoll_pwait2", errno: failure)
        }
        for index in 0..<Int(count) {
            let event = events[index]
            let token = Token(
                slot: UInt32(truncatingIfNeeded: event.data.u64), generation: UInt32(event.data.u64 >> 32))
            // A handler earlier in this round may have removed the registration.
            guard let slot = live(token), let handler = slots[slot].handler else { continue }
            handler(Events(rawValue: event.events))
        }
    }

    private func wait(until deadline: Instant?) -> CInt {
        let most = CInt(Self.eventsPerWait)
        guard let deadline else { return epoll_pwait2(epoll.number, events.baseAddress, most, nil, nil) }
        let left = max(0, (deadline - MonotonicClock.now()).nanoseconds)
        var timeout = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
        return epoll_pwait2(epoll.number, events.baseAddress, most, &timeout, nil)
    }
}
