import Clockwork
import Wire

/// One tree's forwarding entry: as it is wanted, as the kernel has it, and what is under way between the two.
struct ForwardingSlot: Sendable {
    /// By members and routes.
    var wanted: ForwardingEntry?
    /// For a stream nobody wants: an entry without outputs.
    var blocked: ForwardingEntry?
    /// As far as is known; nil when there is none.
    var installed: ForwardingEntry?
    /// The entry was found, not made: bits of vanished interfaces that nobody can see may be in it.
    var isUnverified = false
    /// What the kernel was asked for and has not answered yet.
    var inFlight: InFlight?
    var failures = 0
    var problem: String?
    /// Set after a failure.
    var retryAt: Instant?
    /// How often somebody else wrote the entry, each time soon after the last.
    var disturbances = 0
    var lastDisturbed: Instant?
    var counters: ForwardingCounters?
    /// When the installed entry appeared.
    var since: Instant?
    /// What the kernel will say of our own changes, so that it is not taken for somebody else's.
    var echoes: [Echo] = []

    struct InFlight: Sendable, Equatable {
        var batch: UInt64
        var entry: ForwardingEntry?
    }

    struct Echo: Sendable, Equatable {
        var entry: ForwardingEntry?
        var until: Instant
    }

    static let maximumEchoes = 16
    static let echoTime = Duration.seconds(2)

    var target: ForwardingEntry? { wanted ?? blocked }

    /// Whether the kernel has what is wanted.
    var isSettled: Bool { inFlight == nil && installed == target && !isUnverified }

    var isEmpty: Bool { target == nil && installed == nil && inFlight == nil && echoes.isEmpty }

    /// Whether the kernel may have an entry that names `interface`.
    func mayName(_ interface: InterfaceIndex) -> Bool {
        installed?.names(interface) == true || inFlight?.entry?.names(interface) == true
    }

    /// What must be changed at `now`, if anything may be.
    func change(at now: Instant, tree: SourceGroup) -> ForwardingChange? {
        guard inFlight == nil, !isSettled, retryAt.map({ $0 <= now }) ?? true else { return nil }
        return target.map(ForwardingChange.install) ?? .remove(tree)
    }

    /// What must be changed at `now`, noted as under way.
    mutating func startChange(in batch: UInt64, at now: Instant, tree: SourceGroup) -> ForwardingChange? {
        guard let change = change(at: now, tree: tree) else { return nil }
        inFlight = InFlight(batch: batch, entry: target)
        expect(echoOf: target, now: now)
        return change
    }

    /// Ends what `batch` had under way, and answers what that was.
    mutating func land(_ batch: UInt64) -> InFlight? {
        guard let flight = inFlight, flight.batch == batch else { return nil }
        inFlight = nil
        return flight
    }

    /// The kernel has `entry` now.
    mutating func succeed(with entry: ForwardingEntry?, now: Instant) {
        if installed == nil { since = now }
        installed = entry
        isUnverified = false
        failures = 0
        problem = nil
        retryAt = nil
        guard entry == nil else { return }
        since = nil
        counters = nil
    }

    mutating func dropEchoes(at now: Instant) {
        // They end in the order they were expected.
        guard let first = echoes.first, first.until <= now else { return }
        echoes.removeAll { $0.until <= now }
    }

    mutating func expect(echoOf entry: ForwardingEntry?, now: Instant) {
        dropEchoes(at: now)
        if echoes.count == Self.maximumEchoes { echoes.removeFirst() }
        echoes.append(Echo(entry: entry, until: now + Self.echoTime))
    }

    /// Whether `entry` is what the kernel says of a change of ours; what came before it was said already.
    mutating func takeEcho(of entry: ForwardingEntry?, now: Instant) -> Bool {
        dropEchoes(at: now)
        guard let position = echoes.firstIndex(where: { $0.entry == entry }) else { return false }
        echoes.removeSubrange(...position)
        return true
    }
}
