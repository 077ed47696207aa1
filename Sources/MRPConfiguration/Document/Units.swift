import Clockwork

/// Numbers with a unit, as people write them in a configuration file.
package enum Units {
    private static let durations: [(suffix: String, scale: Int64)] = [
        ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    private static let bitRates: [(suffix: String, scale: Int64)] = [
        ("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000),
    ]

    /// Reads `10s`, `2.5s`, `500ms`, `2h`; nil for anything else, a number without unit included.
    package static func duration(_ text: String) -> Duration? {
        scaled(text, by: durations).map { .nanoseconds($0) }
    }

    /// Reads `8Mbit/s`, `2.5Mbit/s`, `800kbit/s` as bits a second.
    static func bitRate(_ text: String) -> Int? {
        scaled(text, by: bitRates).flatMap(Int.init(exactly:))
    }

    /// The shortest text that reads back as `duration`.
    package static func text(_ duration: Duration) -> String {
        let nanoseconds = duration.nanoseconds
        if nanoseconds == 0 { return "0s" }
        // Days are left out: "24h" is what people expect to read.
        let unit = durations.dropLast().last { nanoseconds % $0.scale == 0 }
        return unit.map { "\(nanoseconds / $0.scale)\($0.suffix)" } ?? "\(nanoseconds)ns"
    }

    private static func scaled(_ text: String, by units: [(suffix: String, scale: Int64)]) -> Int64? {
        let number = text.prefix { $0 == "." || ("0"..."9").contains($0) }
        let suffix = text.dropFirst(number.count).drop { $0 == " " }
        guard let unit = units.first(where: { $0.suffix == suffix }) else { return nil }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = Int64(parts[0]) else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit.scale)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return product }
        return fraction(parts[1], of: unit.scale).flatMap { part in
            let (sum, overflow) = product.addingReportingOverflow(part)
            return overflow ? nil : sum
        }
    }

    /// `digits` read as a decimal fraction of `scale`; nil when it is not whole in the smallest unit.
    private static func fraction(_ digits: Substring, of scale: Int64) -> Int64? {
        guard (1...9).contains(digits.utf8.count) else { return nil }
        var rest = scale
        var value: Int64 = 0
        for digit in digits {
            guard rest % 10 == 0, let number = digit.wholeNumberValue else {
                return digits.allSatisfy { $0 == "0" } ? value : nil
            }
            rest /= 10
            value += Int64(number) * rest
        }
        return value
    }
}
