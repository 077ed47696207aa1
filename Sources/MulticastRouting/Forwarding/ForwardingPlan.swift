import Clockwork
import Wire

/// The difference between the forwarding table that is wanted and the one the kernel has, and how it is made smaller.
///
/// A restart, a vanished interface, a change by somebody else and a refused entry are the same case: the two differ,
/// and the next batch says so.
struct ForwardingPlan: Sendable {
    static let firstRetry = Duration.milliseconds(100)
    static let longestRetry = Duration.seconds(30)
    /// How often an entry somebody else wrote is put right at once.
    static let patience = 4
    /// How long a stream nobody wants is kept from being queued; the next upcall blocks it again.
    static let blockTime = Duration.seconds(10)

    let maximumBlocked: Int
    private var slots = SlotTable()
    private var dirty: Set<SourceGroup> = []
    private var retries = DeadlineQueue<SourceGroup>()
    private var blocks = DeadlineQueue<SourceGroup>()
    /// Slots that are kept only for the echoes of their last change.
    private var farewells = DeadlineQueue<SourceGroup>()
    private var unverified: Set<SourceGroup> = []
    /// The trees of each batch that is under way.
    private var batches: [UInt64: [SourceGroup]] = [:]
    private var nextBatch: UInt64 = 1

    private(set) var counters = PlanCounters()

    struct PlanCounters: Sendable, Equatable {
        var batches: UInt64 = 0
        var changes: UInt64 = 0
        var failures: UInt64 = 0
        /// Entries that somebody else changed or removed.
        var disturbances: UInt64 = 0
        /// Upcalls for streams nobody wants while the table of blocked ones was full.
        var blockLimit: UInt64 = 0
    }

    init(limits: RoutingLimits) {
        maximumBlocked = limits.blockedStreams
    }

    subscript(tree: SourceGroup) -> ForwardingSlot? { slots[tree] }
    /// Sorted.
    var trees: [SourceGroup] { slots.trees }
    var blockedCount: Int { blocks.count }
    var installedCount: Int { slots.count { $0.installed != nil } }
    var pendingCount: Int { slots.count { !$0.isSettled } }
    /// Whether entries that were found at the start wait to be written anew.
    var hasUnverified: Bool { !unverified.isEmpty }

    /// Whether a change of this tree is still to be answered, or to be asked for. One that failed is no longer waited for.
    func isUnderWay(_ tree: SourceGroup) -> Bool {
        slots.read(tree) { !$0.isSettled && $0.retryAt == nil } ?? false
    }

    /// Whether the kernel may have an entry that names `interface`.
    func mayName(_ interface: InterfaceIndex) -> Bool { slots.count { $0.mayName(interface) } > 0 }

    // MARK: What is wanted

    /// Wants this entry for the tree, or none.
    mutating func want(_ entry: ForwardingEntry?, for tree: SourceGroup) {
        if entry == nil, slots.read(tree, { $0.wanted != nil }) != true { return }
        let isNews = slots.make(tree) { slot in
            guard slot.wanted != entry else { return false }
            slot.wanted = entry
            // What was refused is not what is asked for now.
            slot.retryAt = nil
            slot.failures = 0
            slot.problem = nil
            return true
        }
        guard isNews else { return }
        retries.cancel(tree)
        if entry != nil { unblock(tree) }
        dirty.insert(tree)
    }

    /// A packet found no entry. Nobody wants the tree: an entry without outputs keeps the kernel from queueing packets
    /// that a later member would get seconds late. True when the stream is now blocked.
    mutating func block(_ tree: SourceGroup, incoming: InterfaceIndex, now: Instant) -> Bool {
        let (isWanted, isBlocked) = slots.read(tree) { ($0.wanted != nil, $0.blocked != nil) } ?? (false, false)
        guard !isWanted else { return false }
        guard isBlocked || blocks.count < maximumBlocked else {
            counters.blockLimit &+= 1
            return false
        }
        let entry = ForwardingEntry(tree: tree, incoming: incoming, outgoing: [])
        slots.make(tree) { $0.blocked = entry }
        blocks.set(tree, at: now + Self.blockTime)
        dirty.insert(tree)
        return true
    }

    mutating func unblock(_ tree: SourceGroup) {
        let wasBlocked = slots.update(tree) { slot in
            defer { slot.blocked = nil }
            return slot.blocked != nil
        }
        guard wasBlocked == true else { return }
        blocks.cancel(tree)
        dirty.insert(tree)
    }

    /// Ends what blocks streams that came in on `interface`.
    mutating func unblockAll(on interface: InterfaceIndex) {
        for tree in slots.trees(where: { $0.blocked?.incoming == interface }) { unblock(tree) }
    }

    // MARK: What the kernel has

    /// An entry found at the start.
    mutating func adopt(_ entry: KernelEntry, for tree: SourceGroup, now: Instant) {
        slots.make(tree) { slot in
            slot.installed = ForwardingEntry(entry, tree: tree)
            slot.counters = entry.counters
            slot.since = now
            slot.isUnverified = true
        }
        unverified.insert(tree)
        dirty.insert(tree)
    }

    /// The kernel has no entry, contrary to what was thought: a packet found none.
    mutating func noteMissing(_ tree: SourceGroup) {
        let isNews = slots.update(tree) { slot in
            guard slot.inFlight == nil, slot.installed != nil else { return false }
            slot.installed = nil
            slot.since = nil
            return true
        }
        if isNews == true { dirty.insert(tree) }
    }

    /// The kernel says that the entry changed; true when that was not our doing.
    mutating func noteChange(_ entry: KernelEntry?, of tree: SourceGroup, now: Instant) -> Bool {
        let entry = entry.map { ForwardingEntry($0, tree: tree) }
        if slots.update(tree, { $0.takeEcho(of: entry, now: now) }) == true {
            forgetIfEmpty(tree)
            return false
        }
        return takeOver(entry, of: tree, now: now)
    }

    /// The kernel's whole table; the trees where it was not as thought, sorted.
    mutating func noteTable(_ table: [SourceGroup: KernelEntry], now: Instant) -> [SourceGroup] {
        var disturbed: [SourceGroup] = []
        for tree in Set(slots.trees).union(table.keys).sorted() {
            let entry = table[tree].map { ForwardingEntry($0, tree: tree) }
            if takeOver(entry, of: tree, now: now) { disturbed.append(tree) }
            if let counters = table[tree]?.counters { slots.update(tree) { $0.counters = counters } }
        }
        return disturbed
    }

    private mutating func takeOver(_ entry: ForwardingEntry?, of tree: SourceGroup, now: Instant) -> Bool {
        if entry == nil, slots.read(tree, { $0.installed != nil }) != true { return false }
        let isNews = slots.make(tree) { slot in
            // While our own change is under way nobody can tell what came first; its answer decides.
            guard slot.inFlight == nil, slot.installed != entry else { return false }
            if entry == nil || slot.installed == nil { slot.since = entry == nil ? nil : now }
            slot.installed = entry
            return true
        }
        guard isNews else { return false }
        dirty.insert(tree)
        noteDisturbance(of: tree, now: now)
        return true
    }

    /// Puts an entry right at once a few times; against somebody who keeps writing it, ever more slowly.
    private mutating func noteDisturbance(of tree: SourceGroup, now: Instant) {
        counters.disturbances &+= 1
        let count = slots.update(tree) { slot in
            let isAgain = slot.lastDisturbed.map { now - $0 < Self.longestRetry * 2 } ?? false
            slot.disturbances = isAgain ? min(slot.disturbances + 1, 32) : 1
            slot.lastDisturbed = now
            return slot.disturbances
        }
        guard let count, count > Self.patience else { return }
        delay(tree, attempt: count - Self.patience, now: now)
    }

    private mutating func delay(_ tree: SourceGroup, attempt: Int, now: Instant) {
        let delay = min(Self.firstRetry * (1 << min(attempt - 1, 16)), Self.longestRetry)
        slots.update(tree) { $0.retryAt = now + delay }
        retries.set(tree, at: now + delay)
    }

    // MARK: Changes

    /// The changes to make now; nil when there are none.
    mutating func makeBatch(now: Instant) -> ForwardingBatch? {
        guard !dirty.isEmpty else { return nil }
        var changes: [ForwardingChange] = []
        for tree in dirty.sorted() {
            let change = slots.update(tree) { $0.startChange(in: nextBatch, at: now, tree: tree) }
            if let change, let change { changes.append(change) } else { forgetIfEmpty(tree) }
        }
        dirty.removeAll(keepingCapacity: true)
        guard !changes.isEmpty else { return nil }
        counters.batches &+= 1
        counters.changes &+= UInt64(changes.count)
        batches[nextBatch] = changes.map(\.tree)
        defer { nextBatch += 1 }
        return ForwardingBatch(number: nextBatch, changes: changes)
    }

    enum Outcome: Sendable, Equatable {
        case installed(ForwardingEntry)
        case removed(SourceGroup)
        case failed(ForwardingFailure)
    }

    /// The kernel's answer to a batch. An answer to a batch nobody sent changes nothing.
    mutating func noteAnswer(
        batch: UInt64, failures: [ForwardingFailure], now: Instant
    ) -> [Outcome] {
        guard let trees = batches.removeValue(forKey: batch) else { return [] }
        var problems: [SourceGroup: String] = [:]
        for failure in failures { problems[failure.tree] = failure.problem }
        var outcomes: [Outcome] = []
        for tree in trees {
            let flight = slots.update(tree) { $0.land(batch) }
            guard let flight, let flight else { continue }
            if let problem = problems[tree] {
                fail(tree, problem, now: now)
                outcomes.append(.failed(ForwardingFailure(tree: tree, problem: problem)))
            } else {
                outcomes.append(succeed(tree, flight.entry, now: now))
            }
            // What is wanted may have changed meanwhile.
            let (isSettled, isEmpty) = slots.read(tree) { ($0.isSettled, $0.isEmpty) } ?? (true, false)
            if !isSettled { dirty.insert(tree) }
            if isEmpty { forgetIfEmpty(tree) }
        }
        return outcomes
    }

    private mutating func succeed(_ tree: SourceGroup, _ entry: ForwardingEntry?, now: Instant) -> Outcome {
        slots.update(tree) { $0.succeed(with: entry, now: now) }
        retries.cancel(tree)
        if !unverified.isEmpty { unverified.remove(tree) }
        guard let entry else {
            farewells.set(tree, at: now + ForwardingSlot.echoTime)
            return .removed(tree)
        }
        return .installed(entry)
    }

    private mutating func fail(_ tree: SourceGroup, _ problem: String, now: Instant) {
        counters.failures &+= 1
        let failures = slots.update(tree) { slot in
            slot.failures = min(slot.failures + 1, 17)
            slot.problem = problem
            slot.echoes = []
            return slot.failures
        }
        delay(tree, attempt: failures ?? 1, now: now)
    }

    private mutating func forgetIfEmpty(_ tree: SourceGroup) {
        guard slots.read(tree, \.isEmpty) == true else { return }
        slots.remove(tree)
        dirty.remove(tree)
        unverified.remove(tree)
        farewells.cancel(tree)
    }

    // MARK: Time

    mutating func nextDeadline() -> Instant? {
        .earliest(farewells.nextDeadline(), .earliest(retries.nextDeadline(), blocks.nextDeadline()))
    }

    mutating func tick(now: Instant) {
        while let tree = retries.popDue(at: now) { dirty.insert(tree) }
        while let tree = blocks.popDue(at: now) {
            slots.update(tree) { $0.blocked = nil }
            dirty.insert(tree)
        }
        while let tree = farewells.popDue(at: now) {
            slots.update(tree) { $0.dropEchoes(at: now) }
            forgetIfEmpty(tree)
        }
    }
}

extension ForwardingEntry {
    /// What the kernel has; an input interface that is gone becomes a number no interface has.
    init(_ entry: KernelEntry, tree: SourceGroup) {
        self.init(tree: tree, incoming: entry.incoming ?? InterfaceIndex(0), outgoing: entry.outgoing.sorted())
    }
}
