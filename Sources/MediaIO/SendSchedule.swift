import Clockwork

/// When the sender must wake up, and who is due then.
///
/// A train that begins with a clock reference is not kept waiting. Others may be, by `slack`, so that one wake-up serves
/// many. All entries are looked through each time: at the few hundred renditions a proxy has, that costs less than
/// keeping them sorted, and serves those that are due but not yet urgent along the way.
struct SendSchedule: Sendable {
    private let slack: Int64
    private var departures: [Int64] = []
    private var urgencies: [Int64] = []

    init(slack: Duration) {
        self.slack = max(0, slack.nanoseconds)
    }

    var count: Int { departures.count }

    /// A new entry without a departure; entries are numbered from zero.
    mutating func addEntry() {
        departures.append(.max)
        urgencies.append(.max)
    }

    /// The last entry takes the number of the removed one.
    mutating func removeEntry(_ index: Int) {
        departures.swapAt(index, departures.count - 1)
        urgencies.swapAt(index, urgencies.count - 1)
        departures.removeLast()
        urgencies.removeLast()
    }

    mutating func set(_ index: Int, departure: Instant?, isUrgent: Bool) {
        let nanoseconds = departure?.nanoseconds ?? .max
        departures[index] = nanoseconds
        urgencies[index] = isUrgent || nanoseconds > .max - slack ? nanoseconds : nanoseconds + slack
    }

    func isDue(_ index: Int, at now: Instant) -> Bool { departures[index] <= now.nanoseconds }

    /// When to wake up; nil while nothing is planned.
    var wakeUp: Instant? {
        var earliest = Int64.max
        for urgency in urgencies { earliest = min(earliest, urgency) }
        return earliest == .max ? nil : Instant(nanoseconds: earliest)
    }
}
