/// What is known of the packets to come, in steps from the present slot on: how many can have left by each, and how many
/// must have.
struct DemandForecast: Sendable {
    static let step: Int64 = 50_000_000
    /// How far ahead of the slot it looks.
    static let horizon: Int64 = 12_000_000_000
    private static let searches = 12
    /// What is aimed at, so that neither rounding nor a little more than was known makes a deadline tight; a fifth of the
    /// delay, at most 200 ms.
    var reserve: Int { Int(min(delay / 5, 200_000_000) / Self.step) }

    private let delay: Int64
    private var available: [Double]
    private var due: [Double]
    private var counted: Int64 = 0
    private var lastTime: Int64 = 0

    init(delay: Int64) {
        self.delay = delay
        let steps = Int((Self.horizon + delay) / Self.step) + 1
        available = [Double](repeating: 0, count: steps)
        due = available
    }

    mutating func begin(at time: Int64) {
        for index in available.indices { (available[index], due[index]) = (0, 0) }
        counted = 0
        lastTime = time
    }

    /// Points come in order; packets between two of them count as available with the later and due with the earlier one.
    mutating func add(packets: Int64, at time: Int64) {
        let count = Double(packets - counted)
        available[bounded(time)] += count
        due[bounded(lastTime + delay - Self.step)] += count
        counted = packets
        lastTime = max(lastTime, time)
    }

    private func bounded(_ time: Int64) -> Int { Int(min(max(time / Self.step, 0), Int64(available.count - 1))) }

    /// Turns both into sums up to each step.
    mutating func close() {
        for index in 1..<available.count {
            available[index] += available[index - 1]
            due[index] += due[index - 1]
        }
    }

    /// The rate at which all that is known leaves on average half the delay after its time; nil when nothing is.
    var average: Double? {
        let length = Double(lastTime + delay / 2) / 1e9
        guard counted > 0, length > 0.1 else { return nil }
        return Double(counted) / length + RateSmoother.overheadRate
    }

    /// Whether every deadline is met by `rate` packets a second that grow by a factor every step, and so many steps early.
    func meets(startingAt rate: Double, growth: Double, early: Int = 0) -> Bool {
        var served = 0.0
        var capacity = (rate - RateSmoother.overheadRate) * Double(Self.step) / 1e9
        for index in available.indices {
            served = min(served + capacity, available[index])
            // Half a packet is no lateness.
            guard served + 0.5 >= due[min(index + early, due.count - 1)] else { return false }
            capacity *= growth
        }
        return true
    }

    /// The least rate that meets every deadline.
    func leastRate(growth: Double, early: Int = 0) -> Double {
        var (low, high) = (RateSmoother.overheadRate, RateSmoother.overheadRate + peak)
        guard !meets(startingAt: low, growth: growth, early: early) else { return low }
        for _ in 0..<Self.searches {
            let middle = (low + high) / 2
            if meets(startingAt: middle, growth: growth, early: early) { high = middle } else { low = middle }
        }
        return high
    }

    /// Whatever is known, sent in the step in which it must have left.
    private var peak: Double {
        var (most, before) = (0.0, 0.0)
        for value in due {
            most = max(most, value - before)
            before = value
        }
        return most * 1e9 / Double(Self.step)
    }
}
