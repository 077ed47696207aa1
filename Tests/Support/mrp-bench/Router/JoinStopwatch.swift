import Clockwork
import LinuxIO
import Netlink
import Wire

/// Times what follows from a report: the kernel's notification of the entry, and packets on the host's wire.
///
/// It sleeps until something comes, as anybody would who waits for a packet; what its own waking up costs is in the
/// figures of every contestant alike.
final class JoinStopwatch {
    /// In microseconds.
    struct Join {
        var notification, livePacket: Double
    }

    private static let patience = Duration.seconds(3)
    /// A stream that was not heard for this long has ended.
    private static let silence = Duration.milliseconds(60)

    private let contestant: JoinContestant
    private let output: InterfaceIndex
    private let monitor: ForwardingCacheMonitor
    private let loop: EventLoop
    private var timeout: EventLoop.Timer?

    private var group = IPv4Address.unspecified
    private var firstLive: UInt64 = .max
    private var notifiedAt: Instant?
    private var liveAt: Instant?
    private var lastPacketAt: Instant?
    private var isDone: () -> Bool = { false }

    init(_ contestant: JoinContestant) throws {
        self.contestant = contestant
        output = try contestant.link.downstreamIndex()
        monitor = try contestant.link.router.inNamespace { try ForwardingCacheMonitor() }
        loop = try EventLoop()
        timeout = loop.makeTimer { [unowned self] _ in loop.stop() }
        _ = try monitor.start(on: loop) { [unowned self] in note($0) }
        try loop.add(contestant.link.tap.descriptor, .readable) { [unowned self] _ in readPackets() }
    }

    /// Joins `group`, which flows at the router already.
    func join(_ group: IPv4Address, _ stream: LiveStream) throws -> Join {
        try discardWhatWaits()
        self.group = group
        (notifiedAt, liveAt) = (nil, nil)
        isDone = { [unowned self] in notifiedAt != nil && liveAt != nil }
        firstLive = stream.nextNumber
        let start = MonotonicClock.now()
        try contestant.join(group)
        try run(for: Self.patience)
        guard let notifiedAt, let liveAt else {
            let what = notifiedAt == nil ? "no entry for" : "no live packet of"
            throw BenchFailure("\(contestant.kind.rawValue): \(what) \(group) within \(Self.patience)")
        }
        return Join(notification: Self.microseconds(notifiedAt - start), livePacket: Self.microseconds(liveAt - start))
    }

    /// Leaves `group`; milliseconds until its last packet.
    func leave(_ group: IPv4Address) throws -> Double {
        try discardWhatWaits()
        lastPacketAt = nil
        isDone = { false }
        let start = MonotonicClock.now()
        try contestant.leave(group)
        let end = start + Self.patience
        repeat {
            guard MonotonicClock.now() < end else {
                throw BenchFailure("\(contestant.kind.rawValue): \(group) flows on after its leave")
            }
            try run(for: Self.silence)
        } while lastPacketAt.map { MonotonicClock.now() - $0 < Self.silence } ?? false
        guard let lastPacketAt else { return 0 }
        return Self.microseconds(lastPacketAt - start) / 1000
    }

    private func run(for limit: Duration) throws {
        guard let timeout else { return }
        loop.setDeadline(timeout, MonotonicClock.now() + limit)
        try loop.run()
        loop.setDeadline(timeout, nil)
    }

    private func discardWhatWaits() throws {
        try contestant.link.tap.drain { _, _ in }
        while !monitor.receive().isEmpty {}
    }

    private func note(_ event: ForwardingCacheEvent) {
        guard notifiedAt == nil, case .set(let entry) = event, entry.key.group == group,
            entry.outputs.contains(output)
        else { return }
        notifiedAt = MonotonicClock.now()
        if isDone() { loop.stop() }
    }

    private func readPackets() {
        let now = MonotonicClock.now()
        try? contestant.link.tap.drain { group, number in
            guard group == self.group else { return }
            lastPacketAt = now
            if number >= firstLive, liveAt == nil { liveAt = now }
        }
        if isDone() { loop.stop() }
    }

    private static func microseconds(_ duration: Duration) -> Double { Double(duration.nanoseconds) / 1000 }
}
