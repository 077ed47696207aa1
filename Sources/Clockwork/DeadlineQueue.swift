/// Many timers, one deadline: at most one pending deadline a key, the earliest first, ties in the order they were set.
///
/// Cancelling and moving a timer are lazy: the old heap slot stays until it surfaces, and the heap is rebuilt when
/// stale slots outnumber live ones.
package struct DeadlineQueue<Key: Hashable & Sendable>: Sendable {
    private struct Slot: Sendable {
        var deadline: Instant
        var number: UInt64
        var key: Key
    }

    private var heap: [Slot] = []
    private var live: [Key: (deadline: Instant, number: UInt64)] = [:]
    private var nextNumber: UInt64 = 0

    package init() {}

    package var count: Int { live.count }
    package var isEmpty: Bool { live.isEmpty }

    package func deadline(of key: Key) -> Instant? { live[key]?.deadline }

    /// The earliest deadline of all.
    package mutating func nextDeadline() -> Instant? {
        dropStale()
        return heap.first?.deadline
    }

    /// Sets or moves the timer of `key`.
    package mutating func set(_ key: Key, at deadline: Instant) {
        nextNumber += 1
        live[key] = (deadline, nextNumber)
        heap.append(Slot(deadline: deadline, number: nextNumber, key: key))
        siftUp(heap.count - 1)
        if heap.count > 64, heap.count > 2 * live.count { rebuild() }
    }

    package mutating func cancel(_ key: Key) {
        live[key] = nil
    }

    /// Takes the earliest timer that is due at `now`; nil when none is.
    package mutating func popDue(at now: Instant) -> Key? {
        dropStale()
        guard let first = heap.first, first.deadline <= now else { return nil }
        removeFirst()
        live[first.key] = nil
        return first.key
    }

    private mutating func dropStale() {
        while let first = heap.first, live[first.key]?.number != first.number { removeFirst() }
    }

    private mutating func rebuild() {
        heap = heap.filter { live[$0.key]?.number == $0.number }
        heap.sort { Self.precedes($0, $1) }
    }

    private static func precedes(_ left: Slot, _ right: Slot) -> Bool {
        (left.deadline, left.number) < (right.deadline, right.number)
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.precedes(heap[child], heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
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
