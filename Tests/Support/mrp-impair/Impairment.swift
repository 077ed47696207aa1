import Clockwork

/// What a bad line does, in fractions 0...1 and durations.
struct ImpairmentSettings {
    var delay: Duration = .zero
    /// Added to `delay`, drawn evenly; frames overtake each other when it exceeds their spacing.
    var jitter: Duration = .zero
    var loss = 0.0
    /// Frames lost in a row once one is lost.
    var burst = 1
    var duplicates = 0.0
    /// Fraction of frames that skip the delay and so overtake those before them.
    var reordering = 0.0
}

/// A line that loses, delays, repeats and reorders frames, the same way for the same seed. Pure: frames in, frames out.
struct Impairment {
    /// Frames in flight at most; what comes beyond is dropped, as a full queue would.
    static let maximumFrames = 4_096

    private struct Flight {
        var due: Instant
        var number: UInt64
        var frame: [UInt8]
    }

    private let settings: ImpairmentSettings
    private var generator: SeededGenerator
    private var flights: [Flight] = []
    private var nextNumber: UInt64 = 0
    private var burstLeft = 0
    private(set) var passed = 0
    private(set) var lost = 0
    private(set) var duplicated = 0

    init(settings: ImpairmentSettings, seed: UInt64) {
        self.settings = settings
        generator = SeededGenerator(seed: seed)
    }

    var deadline: Instant? { flights.first?.due }

    mutating func handle(_ frame: [UInt8], now: Instant) {
        if loses() {
            lost += 1
            return
        }
        launch(frame, now: now)
        if happens(settings.duplicates) {
            duplicated += 1
            launch(frame, now: now)
        }
    }

    /// Frames whose time has come, oldest first.
    mutating func takeDue(now: Instant) -> [[UInt8]] {
        let due = flights.prefix { $0.due <= now }.map(\.frame)
        flights.removeFirst(due.count)
        passed += due.count
        return due
    }

    private mutating func loses() -> Bool {
        if burstLeft > 0 {
            burstLeft -= 1
            return true
        }
        guard happens(settings.loss) else { return false }
        burstLeft = max(0, settings.burst - 1)
        return true
    }

    private mutating func happens(_ chance: Double) -> Bool {
        chance > 0 && Double.random(in: 0..<1, using: &generator) < chance
    }

    private mutating func launch(_ frame: [UInt8], now: Instant) {
        guard flights.count < Self.maximumFrames else {
            lost += 1
            return
        }
        let wait = happens(settings.reordering) ? .zero : settings.delay + generator.duration(upTo: settings.jitter)
        nextNumber += 1
        let flight = Flight(due: now + wait, number: nextNumber, frame: frame)
        let place = flights.firstIndex { ($0.due, $0.number) > (flight.due, flight.number) } ?? flights.count
        flights.insert(flight, at: place)
    }
}
