/// One bar and how it came out: a figure of ours beside the other side's, both of this run.
struct BenchLine: Codable {
    enum Bar: Codable {
        /// Ours may be at most this many times the other.
        case ratioAtMost(Double)
        /// The other must be at least this many times ours (ours is a cost).
        case timesCheaper(Double)
        /// Ours alone, against a number of the issue's.
        case atMost(Double)
        case atLeast(Double)
    }

    var name: String
    var unit: String
    var ours: Double
    /// What stands on the other side, e.g. `C loop`; nil where the bar is a number.
    var otherName: String?
    var other: Double?
    var bar: Bar

    var ratio: Double? { other.map { $0 == 0 ? .infinity : ours / $0 } }

    var holds: Bool {
        switch bar {
        case .ratioAtMost(let limit): (ratio ?? .infinity) <= limit
        case .timesCheaper(let times): (other ?? 0) >= times * ours
        case .atMost(let limit): ours <= limit
        case .atLeast(let limit): ours >= limit
        }
    }

    var barText: String {
        switch bar {
        case .ratioAtMost(let limit): "at most \(limit)x"
        case .timesCheaper(let times): "\(times)x less"
        case .atMost(let limit): "at most \(limit)"
        case .atLeast(let limit): "at least \(limit)"
        }
    }
}
