import Wire

/// A fingerprint of all that happened (FNV-1a), the same in every process: two runs of a seed must agree on it.
package struct TraceHash: Sendable, Equatable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func mix(_ number: UInt64) {
        value = (value ^ number) &* 0x100_0000_01B3
        value ^= value >> 29
    }

    mutating func mix(_ bytes: [UInt8]) {
        mix(UInt64(bytes.count))
        for byte in bytes { mix(UInt64(byte)) }
    }

    mutating func mix(_ tree: SourceGroup) {
        mix(UInt64(tree.source?.v4?.rawValue ?? 0))
        mix(UInt64(tree.group.v4?.rawValue ?? 0))
    }
}
