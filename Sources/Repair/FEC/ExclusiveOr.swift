/// The kernel of parity: target ^= source, as wide as the machine's vectors.
package enum ExclusiveOr {
    private typealias Block = SIMD8<UInt64>

    /// Combines all of `source` into the start of `target`, which is no shorter. Nothing is allocated.
    package static func merge(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        precondition(target.count >= source.count, "parity needs room for the longest payload")
        let size = MemoryLayout<Block>.size
        let blocks = source.count / size
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        // Safe: all offsets stay below `source.count`, which is at most `target.count`.
        for index in 0..<blocks {
            let offset = index * size
            let mixed =
                to.loadUnaligned(fromByteOffset: offset, as: Block.self)
                ^ from.loadUnaligned(fromByteOffset: offset, as: Block.self)
            to.storeBytes(of: mixed, toByteOffset: offset, as: Block.self)
        }
        var offset = blocks * size
        while offset + 8 <= source.count {
            let mixed =
                to.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                ^ from.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            to.storeBytes(of: mixed, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        while offset < source.count {
            target[offset] ^= source[offset]
            offset += 1
        }
    }
}
