/// Many timers, one deadline: at most one pending deadline a key, the earliest first, ties in the order they were set.
///
/// Cancelling and moving a timer are lazy: the old heap slot stays until it surfaces, and the heap is rebuilt when
/// stale slots outnumber live ones.
@usableFromInline
package struct DeadlineQueue<Key: Hashable & Sendable>: Sendable {
    @usableFromInline
    struct Slot: Sendable {
        @usableFromInline var deadline: Instant
        @usableFromInline var number: UInt64
        @usableFromInline var key: Key

        @inlinable
        init(deadline: Instant, number: UInt64, key: Key) {
            self.deadline = deadline
            self.number = number
            self.key = key
        }
    }

    @usableFromInline var heap: [Slot] = []
    @usableFromInline var live: [Key: (deadline: Instant, number: UInt64)] = [:]
    @usableFromInline var nextNumber: UInt64 = 0

    @inlinable
    package init() {}

    @inlinable
    package var count: Int { live.count }
    @inlinable
    package var isEmpty: Bool { live.isEmpty }

    @inlinable
    package func deadline(of key: Key) -> Instant? { live[key]?.deadline }

    /// The earliest deadline of all.
    @inlinable
    package mutating func nextDeadline() -> Instant? {
        dropStale()
        return heap.first?.deadline
    }

    /// Sets or moves the timer of `key`.
    @inlinable
    package mutating func set(_ key: Key, at deadline: Instant) {
        nextNumber += 1
        live[key] = (deadline, nextNumber)
        heap.append(Slot(deadline: deadline, number: nextNumber, key: key))
        siftUp(heap.count - 1)
        if heap.count > 64, heap.count > 2 * live.count { rebuild() }
    }

    @inlinable
    package mutating func cancel(_ key: Key) {
        if !live.isEmpty { live[key] = nil }
    }

    /// Takes the earliest timer that is due at `now`; nil when none is.
    @inlinable
    package mutating func popDue(at now: Instant) -> Key? {
        // Asked far more often than anything is due; a stale slot that is not due is in nobody's way.
        guard !heap.isEmpty, heap[0].deadline <= now else { return nil }
        dropStale()
        guard let first = heap.first, first.deadline <= now else { return nil }
        removeFirst()
        live[first.key] = nil
        return first.key
    }

    @inlinable
    mutating func dropStale() {
        // Each live timer has one slot, so that equal numbers mean that none is stale.
        if heap.count == live.count { return }
        while let first = heap.first, live[first.key]?.number != first.number { removeFirst() }
    }

    @inlinable
    mutating func rebuild() {
        heap = heap.filter { live[$0.key]?.number == $0.number }
        heap.sort { Self.precedes($0, $1) }
    }

    @inlinable
    static func precedes(_ left: Slot, _ right: Slot) -> Bool {
        (left.deadline, left.number) < (right.deadline, right.number)
    }

    @inlinable
    mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        siftDown(0)
    }

    @inlinable
    mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    @inlinable
    mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if Self.precedes(heap[child], heap[least]) { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
