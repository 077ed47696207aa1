import Clockwork
import ControlProtocol
import Glibc
import LinuxIO
import MulticastRouting
import Wire

/// One line an event on standard error: level, a stable code, and the facts; each code has its own rate limit, so that
/// no host can fill a disk.
final class EventLog {
    enum Level: String {
        case info, warning, error

        /// As the journal reads it at the start of a line (sd-daemon(3)).
        fileprivate var journalPrefix: String {
            switch self {
            case .info: "<6>"
            case .warning: "<4>"
            case .error: "<3>"
            }
        }
    }

    private struct Bucket {
        var tokens: Int
        var refilledAt: Instant
        var suppressed: UInt64 = 0
    }

    private static let burst = 20
    private static let refill = Duration.seconds(1)

    private let isJournal: Bool
    private var buckets: [String: Bucket] = [:]
    /// Lines that were left out, of all codes.
    private(set) var suppressed: UInt64 = 0

    init(environment: (String) -> String? = ServiceManager.environment) {
        isJournal = environment("JOURNAL_STREAM") != nil
    }

    /// - Parameter code: one of the program's own words, never text from outside.
    func write(_ level: Level, _ code: String, _ text: String) {
        guard let before = admit(code, now: MonotonicClock.now()) else { return }
        let prefix = isJournal ? level.journalPrefix : "mrp-router: \(level.rawValue): "
        let note = before > 0 ? " (\(before) more like this were left out)" : ""
        let line = "\(prefix)\(code): \(Self.oneLine(text))\(note)\n"
        _ = Array(line.utf8).withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Events that an operator should find in the log later; members come and go in `watch` only.
    func write(_ event: RouterEvent, _ document: RouterEventDocument) {
        guard let level = Self.level(of: event) else { return }
        write(level, document.event, Self.facts(of: document))
    }

    static func writes(_ event: RouterEvent) -> Bool { level(of: event) != nil }

    private static func level(of event: RouterEvent) -> Level? {
        switch event {
        case .memberAdmitted, .memberLeft, .unicastMemberAdmitted, .unicastMemberLeft, .treeAdded, .treeRemoved,
            .entryInstalled, .entryRemoved, .streamBlocked:
            nil
        case .memberRefused, .unicastMemberRefused, .neighborUp, .neighborDown, .interfaceUp, .interfaceDown,
            .querierChanged, .ownerConnected, .ownerDisconnected:
            .info
        case .entryFailed, .entryDisturbed, .interfaceProblem, .ownerRefused: .warning
        }
    }

    private static func facts(of event: RouterEventDocument) -> String {
        var facts: [String] = []
        if let group = event.group { facts.append("\(SourceGroup(source: event.source, group: group))") }
        if let interface = event.interface { facts.append("on \(interface)") }
        if let host = event.hostAddress { facts.append("host \(host)") }
        if let subscriber = event.subscriber { facts.append("subscriber \(subscriber)") }
        if let owner = event.owner { facts.append("owner \(owner)") }
        if let reason = event.reason { facts.append("reason \(reason)") }
        if let detail = event.detail { facts.append(detail) }
        return facts.joined(separator: ", ")
    }

    /// How many lines of this code were left out since the last one; nil when this one is, too.
    private func admit(_ code: String, now: Instant) -> UInt64? {
        var bucket = buckets[code] ?? Bucket(tokens: Self.burst, refilledAt: now)
        defer { buckets[code] = bucket }
        let refilled = (now - bucket.refilledAt).nanoseconds / Self.refill.nanoseconds
        if refilled > 0 {
            bucket.tokens = Int(min(Int64(Self.burst), Int64(bucket.tokens) + refilled))
            bucket.refilledAt = now
        }
        guard bucket.tokens > 0 else {
            bucket.suppressed &+= 1
            suppressed &+= 1
            return nil
        }
        bucket.tokens -= 1
        defer { bucket.suppressed = 0 }
        return bucket.suppressed
    }

    private static func oneLine(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }
}
