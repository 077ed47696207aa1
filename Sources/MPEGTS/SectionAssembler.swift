/// Why a section could not be used.
package enum SectionError: Error, Hashable, Sendable {
    case badChecksum
    /// A section that never ended, or one whose length contradicts its contents.
    case malformed
    case wrongTable(UInt8)
    /// More programmes than the one an HLS segment may hold (RFC 8216 §3.2).
    case severalProgrammes(Int)
    case noProgramme
}

/// Puts the sections of one PID together again (ISO/IEC 13818-1 §2.4.4); holds at most one unfinished section.
package struct SectionAssembler: Sendable {
    static let maximumSectionLength = 1024

    private var partial: [UInt8] = []
    private var isInSection = false

    package init() {}

    /// Takes one packet's payload; yields the sections completed by it, their CRC not yet checked.
    package mutating func append(_ payload: RawSpan, startsUnit: Bool) -> [[UInt8]] {
        var complete: [[UInt8]] = []
        let bytes = payload.withUnsafeBytes { Array($0) }
        guard startsUnit else {
            guard isInSection else { return [] }
            partial += bytes
            take(&complete)
            return complete
        }
        guard let pointer = bytes.first, Int(pointer) < bytes.count else {
            reset()
            return []
        }
        if isInSection {
            partial += bytes[1..<(1 + Int(pointer))]
            take(&complete)
        }
        partial = Array(bytes[(1 + Int(pointer))...])
        isInSection = true
        take(&complete)
        return complete
    }

    private mutating func reset() {
        partial = []
        isInSection = false
    }

    private mutating func take(_ complete: inout [[UInt8]]) {
        while isInSection, partial.count >= 3 {
            // Stuffing follows the last section of a packet.
            guard partial[0] != 0xFF else { return reset() }
            let length = 3 + (Int(partial[1] & 0x0F) << 8 | Int(partial[2]))
            guard length <= Self.maximumSectionLength else { return reset() }
            guard partial.count >= length else { return }
            complete.append(Array(partial[..<length]))
            partial.removeFirst(length)
        }
    }
}
