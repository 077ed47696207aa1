/// An IPv6 address, ordered as a number, printed as RFC 5952 asks.
package struct IPv6Address: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads RFC 4291 §2.2 text without a zone; the mixed form with a dotted IPv4 tail is accepted.
    package init?(_ text: some StringProtocol) {
        guard let groups = Self.groups(of: String(text)) else { return nil }
        high = groups[0..<4].reduce(0) { $0 << 16 | UInt64($1) }
        low = groups[4..<8].reduce(0) { $0 << 16 | UInt64($1) }
    }

    private static func groups(of text: String) -> [UInt16]? {
        guard text.utf8.count <= 45 else { return nil }
        guard let gap = doubleColon(in: text) else {
            guard let groups = parse(text[...]), groups.count == 8 else { return nil }
            return groups
        }
        guard let head = parse(text[..<gap]), let tail = parse(text[text.index(gap, offsetBy: 2)...]),
            head.count + tail.count < 8
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func doubleColon(in text: String) -> String.Index? {
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next < text.endIndex, text[next] == ":" { return index }
            index = next
        }
        return nil
    }

    private static func parse(_ text: Substring) -> [UInt16]? {
        if text.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(".") {
                guard let tail = IPv4Address(part) else { return nil }
                groups += [UInt16(truncatingIfNeeded: tail.rawValue >> 16), UInt16(truncatingIfNeeded: tail.rawValue)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.first != "+", part.first != "-",
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups.count <= 8 ? groups : nil
    }

    package static let unspecified = IPv6Address(high: 0, low: 0)

    package var isUnspecified: Bool { high == 0 && low == 0 }
    package var isLoopback: Bool { high == 0 && low == 1 }
    package var isMulticast: Bool { high >> 56 == 0xFF }
    package var isLinkLocal: Bool { high >> 54 == 0x3FA }
    /// ff3x::/32 (RFC 4607 §1).
    package var isSourceSpecificMulticast: Bool { high >> 52 == 0xFF3 && (high >> 32 & 0xFFFF) == 0 }

    package static func < (left: IPv6Address, right: IPv6Address) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private var groups: [UInt16] {
        [high, low].flatMap { half in [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> $0) } }
    }

    package var description: String {
        let groups = groups
        guard let gap = Self.longestZeroRun(groups) else { return Self.join(groups[...]) }
        return Self.join(groups[..<gap.lowerBound]) + "::" + Self.join(groups[gap.upperBound...])
    }

    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > (best?.count ?? 0) { best = start..<end }
            start = max(end, start + 1)
        }
        return best
    }

    private static func join(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
}
