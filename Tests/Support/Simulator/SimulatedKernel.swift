import MulticastRouting
import Wire

/// Linux's multicast routing as far as it decides who gets packets: virtual interfaces by number, entries that hold
/// numbers, and the traps that come of it. An entry keeps the bit of an interface that vanished.
struct SimulatedKernel {
    struct Entry {
        var parent: Int
        var outputs: Set<Int>
        var counters = ForwardingCounters()
    }

    enum Lookup {
        case forward(outputs: [InterfaceIndex])
        case wrongInterface
        case noEntry
        /// The packet waits for an upcall that was made already, or came in where no virtual interface is.
        case dropped
    }

    private(set) var virtualInterfaces: [Int: InterfaceIndex] = [:]
    private(set) var entries: [SourceGroup: Entry] = [:]
    private var unresolved: Set<SourceGroup> = []
    let fault: Fault

    init(fault: Fault) {
        self.fault = fault
    }

    // MARK: Virtual interfaces

    func number(of index: InterfaceIndex) -> Int? {
        virtualInterfaces.filter { $0.value == index }.keys.min()
    }

    mutating func addVIF(_ number: Int, _ index: InterfaceIndex) { virtualInterfaces[number] = index }

    /// The device is gone or the number is given back; entries keep its bit and nobody is told.
    mutating func removeVIF(_ number: Int) { virtualInterfaces[number] = nil }

    // MARK: Entries

    /// False when the input interface has no number.
    mutating func install(_ entry: ForwardingEntry) -> Bool {
        guard let parent = number(of: entry.incoming) else { return false }
        if fault == .lostChanges, entries[entry.tree] != nil { return true }
        var outputs = Set(entry.outgoing.compactMap(number(of:)))
        if fault == .extraOutput, !outputs.isEmpty {
            let others = virtualInterfaces.keys.sorted().filter { $0 != parent && !outputs.contains($0) }
            if let other = others.last { outputs.insert(other) }
        }
        let counters = entries[entry.tree]?.counters ?? ForwardingCounters()
        entries[entry.tree] = Entry(parent: parent, outputs: outputs, counters: counters)
        unresolved.remove(entry.tree)
        return true
    }

    mutating func remove(_ tree: SourceGroup) {
        if fault != .lostChanges { entries[tree] = nil }
    }

    /// Somebody else deletes the entry.
    mutating func flush(_ tree: SourceGroup) { entries[tree] = nil }

    /// The owner's socket was closed, and nobody kept it.
    mutating func reset() {
        virtualInterfaces = [:]
        entries = [:]
        unresolved = []
    }

    /// What a dump shows: interfaces, not numbers; bits of vanished interfaces do not show.
    func visible(_ tree: SourceGroup) -> KernelEntry? {
        entries[tree].map { entry in
            KernelEntry(
                incoming: virtualInterfaces[entry.parent], outgoing: entry.outputs.compactMap { virtualInterfaces[$0] },
                counters: entry.counters)
        }
    }

    var dump: [SourceGroup: KernelEntry] {
        var table: [SourceGroup: KernelEntry] = [:]
        for tree in entries.keys { table[tree] = visible(tree) }
        return table
    }

    // MARK: Packets

    mutating func route(_ tree: SourceGroup, from index: InterfaceIndex) -> Lookup {
        guard let number = number(of: index) else { return .dropped }
        guard let entry = entries[tree] else {
            return unresolved.insert(tree).inserted ? .noEntry : .dropped
        }
        entries[tree]?.counters.packets += 1
        entries[tree]?.counters.bytes += 1_328
        guard entry.parent == number else {
            entries[tree]?.counters.wrongInterface += 1
            return .wrongInterface
        }
        return .forward(outputs: entry.outputs.sorted().compactMap { virtualInterfaces[$0] })
    }

    /// Queued packets and the memory of the upcall expire.
    mutating func expireUnresolved() { unresolved = [] }
}
