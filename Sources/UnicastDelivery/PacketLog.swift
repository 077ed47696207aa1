import RTP

/// The RTP packets that brought a ring's newest bytes, so that they can be sent again as they came.
package struct PacketLog: Sendable {
    package struct Entry: Hashable, Sendable {
        /// Of the payload's first byte.
        package let position: UInt64
        package let sequence: Int64
        package let header: RTPHeader
        package let length: Int

        package var end: UInt64 { position + UInt64(length) }
    }

    private var storage: [Entry] = []
    private let capacity: Int
    /// Index of the oldest once the storage is full.
    private var oldest = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    mutating func append(_ entry: Entry) {
        guard entry.length > 0 else { return }
        if storage.count < capacity {
            storage.append(entry)
        } else {
            storage[oldest] = entry
            oldest = (oldest + 1) % capacity
        }
    }

    private func entry(_ rank: Int) -> Entry { storage[(oldest + rank) % storage.count] }

    func entry(containing position: UInt64) -> Entry? {
        var (low, high) = (0, storage.count)
        while low < high {
            let middle = (low + high) / 2
            if entry(middle).end <= position { low = middle + 1 } else { high = middle }
        }
        guard low < storage.count else { return nil }
        let found = entry(low)
        return found.position <= position ? found : nil
    }
}
