import Clockwork

/// Numbers and dates as playlists write them, read without Foundation; nil for whatever is not exactly one.
enum PlaylistNumbers {
    /// A decimal-integer of at most 18 digits, so that no later sum of two can overflow.
    static func integer(_ text: Substring) -> Int64? {
        guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit) else { return nil }
        return Int64(text)
    }

    /// Seconds, whole or with a fraction, up to a day.
    static func duration(_ text: Substring) -> Duration? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap(integer), whole <= 86_400 else { return nil }
        guard parts.count == 2 else { return .seconds(whole) }
        let digits = parts[1].utf8
        guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
        var nanoseconds: Int64 = 0
        var scale: Int64 = 100_000_000
        for digit in digits.prefix(9) {
            nanoseconds += Int64(digit - 0x30) * scale
            scale /= 10
        }
        return .seconds(whole) + .nanoseconds(nanoseconds)
    }

    /// An ISO 8601 date and time with a zone: `2026-08-01T12:00:00.123Z`, `…+02:00` or `…+0200`.
    static func date(_ text: Substring) -> UnixTime? {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy(\.isDigit) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
            bytes[16] == 0x3A, let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var milliseconds: Int64 = 0
        if bytes[index] == 0x2E {
            index += 1
            var scale: Int64 = 100
            while index < bytes.count, bytes[index].isDigit {
                milliseconds += Int64(bytes[index] - 0x30) * scale
                scale /= 10
                index += 1
            }
        }
        guard let zone = zoneMinutes(bytes[index...]) else { return nil }
        let days = daysSinceEpoch(year: year, month: month, day: day)
        let seconds = ((days * 24 + hour) * 60 + minute - zone) * 60 + second
        return UnixTime(milliseconds: seconds * 1000 + milliseconds)
    }

    private static func zoneMinutes(_ zone: ArraySlice<UInt8>) -> Int64? {
        guard let sign = zone.first else { return nil }
        if sign == 0x5A { return zone.count == 1 ? 0 : nil }
        let digits = zone.dropFirst().filter { $0 != 0x3A }
        guard sign == 0x2B || sign == 0x2D, digits.count == 4, digits.allSatisfy(\.isDigit) else { return nil }
        let parts = digits.map { Int64($0 - 0x30) }
        let minutes = (parts[0] * 10 + parts[1]) * 60 + parts[2] * 10 + parts[3]
        return sign == 0x2B ? minutes : -minutes
    }

    /// Days from 1970-01-01 in the Gregorian calendar, the year taken to begin in March so that leap days come last.
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let month = (month + 9) % 12
        return 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468
    }

    /// A hexadecimal-sequence of up to 128 bits, as sixteen bytes.
    static func vector(_ text: String) -> [UInt8]? {
        guard text.hasPrefix("0x") || text.hasPrefix("0X") else { return nil }
        let digits = text.utf8.dropFirst(2)
        guard (1...32).contains(digits.count), digits.allSatisfy(\.isHexDigit) else { return nil }
        let padded = [UInt8](repeating: 0x30, count: 32 - digits.count) + digits
        return stride(from: 0, to: 32, by: 2).map { hexValue(padded[$0]) << 4 | hexValue(padded[$0 + 1]) }
    }

    private static func hexValue(_ digit: UInt8) -> UInt8 { digit.isDigit ? digit - 0x30 : (digit | 0x20) - 0x57 }

    // MARK: Writing

    /// Seconds with three digits behind the point, rounded to the nearest.
    static func text(duration: Duration) -> String {
        let milliseconds = max(0, (duration.nanoseconds + 500_000) / 1_000_000)
        return "\(milliseconds / 1000).\(padded(milliseconds % 1000, 3))"
    }

    /// `2026-08-01T12:00:00.123Z`.
    static func text(date: UnixTime) -> String {
        let day: Int64 = 86_400_000
        let inDay = (date.milliseconds % day + day) % day
        let (year, month, dayOfMonth) = civilDate(daysSinceEpoch: (date.milliseconds - inDay) / day)
        let seconds = inDay / 1000
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T\(padded(seconds / 3600, 2)):"
            + "\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2)).\(padded(inDay % 1000, 3))Z"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = "\(value)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// What `daysSinceEpoch` came from; from 1970 on.
    private static func civilDate(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
    }
}
