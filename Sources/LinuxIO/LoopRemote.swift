import CSystemShims
import Glibc
import Synchronization

/// What other threads may hold of an event loop: an eventfd that wakes it, and a request to stop.
package final class LoopRemote: Sendable {
    private let wakeUpDescriptor: FileDescriptor
    private let stopRequested = Atomic(false)

    init() throws(SystemError) {
        let flags = CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK)
        wakeUpDescriptor = FileDescriptor(owning: try systemCall("eventfd") { eventfd(0, flags) })
    }

    var wakeUpNumber: CInt { wakeUpDescriptor.number }
    var isStopRequested: Bool { stopRequested.load(ordering: .acquiring) }

    package func wakeUp() {
        // The only failure is a full counter, and then the loop is awake already.
        _ = eventfd_write(wakeUpDescriptor.number, 1)
    }

    package func stop() {
        stopRequested.store(true, ordering: .releasing)
        wakeUp()
    }

    func acknowledge() {
        var count: eventfd_t = 0
        _ = eventfd_read(wakeUpDescriptor.number, &count)
    }
}

/// A bounded queue of values into an event loop, in the order each sender sent them.
package final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var refused: UInt64 = 0
    }

    package let limit: Int
    private let state = Mutex(State())
    private let remote: LoopRemote

    init(limit: Int, remote: LoopRemote) {
        self.limit = limit
        self.remote = remote
    }

    /// How many messages found the queue full.
    package var refusedCount: UInt64 { state.withLock { $0.refused } }

    /// False when the queue is full: the message is not taken, and counted.
    @discardableResult
    package func send(_ message: Message) -> Bool {
        let waiting: Int? = state.withLock { state in
            guard state.messages.count < limit else {
                state.refused += 1
                return nil
            }
            state.messages.append(message)
            return state.messages.count
        }
        guard let waiting else { return false }
        // One wake-up carries all that came in before the loop looked.
        if waiting == 1 { remote.wakeUp() }
        return true
    }

    func takeAll() -> [Message] {
        state.withLock { state in
            let messages = state.messages
            state.messages.removeAll(keepingCapacity: false)
            return messages
        }
    }
}
