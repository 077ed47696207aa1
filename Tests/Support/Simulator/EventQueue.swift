import Clockwork

/// What is going to happen, by time; ties in the order in which they were planned.
struct EventQueue<Event> {
    private var order = DeadlineQueue<UInt64>()
    private var events: [UInt64: Event] = [:]
    private var nextNumber: UInt64 = 0

    mutating func plan(_ event: Event, at instant: Instant) {
        order.set(nextNumber, at: instant)
        events[nextNumber] = event
        nextNumber += 1
    }

    mutating func nextDeadline() -> Instant? { order.nextDeadline() }

    mutating func popDue(at now: Instant) -> Event? {
        order.popDue(at: now).flatMap { events.removeValue(forKey: $0) }
    }
}
