import Clockwork

/// An amount that fills at a rate up to a depth; what is spent must be there.
struct TokenBucket: Sendable {
    /// Bytes a second.
    private(set) var rate: Double
    /// Bytes.
    private(set) var depth: Double
    private var level: Double
    private var settled: Instant

    /// Begins full.
    init(bytesPerSecond rate: Double, depth: Double, now: Instant) {
        self.rate = max(0, rate)
        self.depth = max(0, depth)
        level = self.depth
        settled = now
    }

    mutating func has(_ bytes: Int, now: Instant) -> Bool {
        if now > settled {
            level = min(depth, level + rate * (now - settled).seconds)
            settled = now
        }
        return level >= Double(bytes)
    }

    /// Spends what `has` has found.
    mutating func spend(_ bytes: Int) { level -= Double(bytes) }
}
