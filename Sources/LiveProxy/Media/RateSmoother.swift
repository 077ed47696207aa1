import Clockwork
import RTP

/// How evenly a rendition is sent, whatever pace its source was multiplexed at.
package struct SmoothingConfiguration: Hashable, Sendable {
    /// What is held against the rate may be this far from it: half as much again is left for the grain of packets.
    static let tolerance = 0.15
    /// A rate farther from the running mean than this is counted as an excursion.
    package static let excursion = 0.2

    /// How long after the source's own time a packet leaves at most; decoders hold so much media more.
    package var delay: Duration
    /// Over which the running mean is taken.
    package var window: Duration
    /// Below this the rate never falls, in bits a second; zero for no floor.
    package var floor: Int

    package init(delay: Duration = .seconds(1), window: Duration = .seconds(10), floor: Int = 0) {
        self.delay = delay
        self.window = window
        self.floor = floor
    }
}

/// The rate at which one rendition is sent: as constant as its deadlines allow, in transport packets a second.
///
/// Every packet may leave from its own time on and must have left `delay` later. The rate follows what is known ahead within
/// `tolerance` of the running mean; it leaves that band only when otherwise a deadline could no more be met by rising
/// within it.
struct RateSmoother: Sendable {
    /// How often the rate is chosen anew.
    static let step: Int64 = 100_000_000
    /// A datagram every 80 ms: tables and clock references must not be farther apart than 100 ms.
    static let minimumRate = Double(TransportPayload.packetsPerDatagram) / 0.08
    /// Our own tables, which the source's packets do not account for.
    static let overheadRate = 2 / 0.08

    let configuration: SmoothingConfiguration
    let delay: Int64
    private(set) var rate = 0.0
    private(set) var excursions: UInt64 = 0
    private var demand: DemandForecast
    private var history: [Double]
    private var used = 0
    private var cursor = 0
    private var sum = 0.0
    /// On the conditioner's line.
    private var nextChoice = Int64.min
    private var isOutside = false
    /// Until then the rate is chosen freely: what a fetch finds at its start comes bit by bit.
    private var freeUntil: Int64?
    private static let freeTime: Int64 = 1_000_000_000

    init(_ configuration: SmoothingConfiguration) {
        self.configuration = configuration
        delay = configuration.delay.nanoseconds
        demand = DemandForecast(delay: delay)
        history = [Double](repeating: 0, count: max(1, Int(configuration.window.nanoseconds / Self.step)))
    }

    /// Of the rate over the window.
    var mean: Double { used == 0 ? rate : sum / Double(used) }

    /// Nanoseconds between two datagrams.
    var spacing: Int64 { Int64(Double(TransportPayload.packetsPerDatagram) * 1e9 / max(rate, Self.minimumRate)) }

    func needsChoice(at slot: Int64) -> Bool { slot >= nextChoice }

    /// The line goes on elsewhere.
    mutating func restart() { nextChoice = .min }

    /// Forgets what was known ahead; `add` tells it anew. The next packet belongs at `time`, relative to the slot.
    mutating func beginDemand(at time: Int64) { demand.begin(at: time) }

    /// So many packets stand before the point that is due at `time`, relative to the slot.
    mutating func add(packets: Int64, at time: Int64) { demand.add(packets: packets, at: time) }

    /// Chooses the rate from `slot` on, for the demand told since `beginDemand`.
    mutating func choose(at slot: Int64) {
        nextChoice = slot + Self.step
        let floor = max(Self.minimumRate, Double(configuration.floor) / 8 / 188)
        demand.close()
        let least = demand.leastRate(growth: 1, early: demand.reserve)
        let end = freeUntil ?? slot + Self.freeTime
        freeUntil = end
        guard slot >= end else {
            (used, cursor, sum) = (0, 0, 0)
            return note(max(least, floor, rate))
        }
        let band = (mean * (1 - SmoothingConfiguration.tolerance))...(mean * (1 + SmoothingConfiguration.tolerance))
        let wanted = min(max(demand.average ?? rate, least, band.lowerBound), band.upperBound)
        guard demand.meets(startingAt: wanted, growth: growth) else {
            return note(max(demand.leastRate(growth: growth), wanted))
        }
        note(max(wanted, floor))
    }

    /// A rate that grows by this factor a forecast's step stays at the upper edge of the band: its mean over the window W is
    /// (1 - e^-gW) / gW of it, to second order 1 / (1 + gW / 2 + (gW)² / 12).
    private var growth: Double {
        let window = max(Double(configuration.window.nanoseconds), 1e8)
        return 1 + 1.9 * SmoothingConfiguration.tolerance * Double(DemandForecast.step) / window
    }

    private mutating func note(_ chosen: Double) {
        let wasOutside = isOutside
        isOutside = used > 0 && abs(chosen - mean) > SmoothingConfiguration.excursion * mean
        if isOutside, !wasOutside { excursions &+= 1 }
        rate = chosen
        sum += chosen - (used == history.count ? history[cursor] : 0)
        history[cursor] = chosen
        cursor = (cursor + 1) % history.count
        used = min(used + 1, history.count)
    }
}
