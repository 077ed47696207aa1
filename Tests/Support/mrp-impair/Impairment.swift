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
    /// Which frames something happens to, besides the constant delay; all others count nowhere. A first frame of a
    /// stream that cannot be lost and a last one make the counts exact: they are what a receiver must report.
    var scope = ImpairmentScope()
}

/// Chooses frames.
struct ImpairmentScope {
    /// UDP datagrams to this port alone; nil chooses every frame.
    var udpPort: UInt16?
    /// How many chosen frames in each direction pass unharmed first.
    var first = 0
    /// How many after those are harmed.
    var count = Int.max

    /// Whether a frame is Ethernet, IPv4, UDP and to the port.
    func chooses(_ frame: [UInt8]) -> Bool {
        guard let udpPort else { return true }
        let (ethernet, udp) = (14, UInt8(17))
        guard frame.count >= ethernet + 20, frame[12] == 0x08, frame[13] == 0x00, frame[ethernet + 9] == udp else {
            return false
        }
        let ports = ethernet + Int(frame[ethernet] & 0x0F) * 4
        guard frame.count >= ports + 4 else { return false }
        return UInt16(frame[ports + 2]) << 8 | UInt16(frame[ports + 3]) == udpPort
    }
}

/// A line that loses, delays, repeats and reorders frames, the same way for the same seed. Pure: frames in, frames out.
struct Impairment {
    /// Frames in flight at most; what comes beyond is dropped, as a full queue would.
    static let maximumFrames = 4_096

    private struct Flight {
        var due: Instant
        /// In the order of launch.
        var number: UInt64
        /// In the order of arrival; a duplicate has its original's.
        var arrival: UInt64
        var frame: [UInt8]
    }

    private let settings: ImpairmentSettings
    private var generator: SeededGenerator
    private var flights: [Flight] = []
    private var nextNumber: UInt64 = 0
    private var burstLeft = 0
    private var arrivals: UInt64 = 0
    private var chosen = 0
    private var latestDelivered: UInt64 = 0
    /// Arrival numbers of which two copies are in flight, and of which one has been delivered.
    private var awaitedTwins: Set<UInt64> = []
    private var deliveredTwins: Set<UInt64> = []
    private(set) var passed = 0
    private(set) var lost = 0
    private(set) var duplicated = 0
    /// Frames delivered behind one that arrived later; second copies do not count.
    private(set) var reordered = 0

    init(settings: ImpairmentSettings, seed: UInt64) {
        self.settings = settings
        generator = SeededGenerator(seed: seed)
    }

    var deadline: Instant? { flights.first?.due }

    mutating func handle(_ frame: [UInt8], now: Instant) {
        arrivals += 1
        guard isInScope(frame) else {
            launch(frame, wait: settings.delay, now: now)
            return
        }
        if loses() {
            lost += 1
            return
        }
        launch(frame, wait: drawWait(), now: now)
        if happens(settings.duplicates), launch(frame, wait: drawWait(), now: now) {
            duplicated += 1
            awaitedTwins.insert(arrivals)
        }
    }

    private mutating func isInScope(_ frame: [UInt8]) -> Bool {
        guard settings.scope.chooses(frame) else { return false }
        chosen += 1
        return chosen > settings.scope.first && chosen - settings.scope.first <= settings.scope.count
    }

    /// Frames whose time has come, oldest first.
    mutating func takeDue(now: Instant) -> [[UInt8]] {
        let due = flights.prefix { $0.due <= now }
        flights.removeFirst(due.count)
        passed += due.count
        for flight in due { noteOrder(of: flight) }
        return due.map(\.frame)
    }

    private mutating func noteOrder(of flight: Flight) {
        guard settings.scope.chooses(flight.frame) else { return }
        if deliveredTwins.remove(flight.arrival) != nil { return }
        if awaitedTwins.remove(flight.arrival) != nil { deliveredTwins.insert(flight.arrival) }
        if flight.arrival < latestDelivered { reordered += 1 }
        latestDelivered = max(latestDelivered, flight.arrival)
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

    private mutating func drawWait() -> Duration {
        happens(settings.reordering) ? .zero : settings.delay + generator.duration(upTo: settings.jitter)
    }

    /// Returns whether there was room.
    @discardableResult
    private mutating func launch(_ frame: [UInt8], wait: Duration, now: Instant) -> Bool {
        guard flights.count < Self.maximumFrames else {
            lost += 1
            return false
        }
        nextNumber += 1
        let flight = Flight(due: now + wait, number: nextNumber, arrival: arrivals, frame: frame)
        let place = flights.firstIndex { ($0.due, $0.number) > (flight.due, flight.number) } ?? flights.count
        flights.insert(flight, at: place)
        return true
    }
}
