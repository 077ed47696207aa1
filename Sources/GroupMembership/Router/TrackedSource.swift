import Clockwork
import Wire

/// One source in a host's record of one group (RFC 3376 §6.2.3).
struct TrackedSource: Hashable, Sendable {
    enum State: UInt8, Sendable {
        /// Wanted while its timer runs.
        case requested
        /// Wanted for the last time: the host said it is done, and queries ask whether somebody hidden is not.
        case leaving
        /// Not wanted; has no timer. Only in EXCLUDE mode.
        case excluded
    }

    let address: IPAddress
    var state: State
    /// Of no meaning while excluded.
    var expires: Instant

    var isExcluded: Bool { state == .excluded }
    /// Its timer, if it has one.
    var deadline: Instant? { isExcluded ? nil : expires }
}

extension [TrackedSource] {
    /// Where `address` is in a list sorted by address, or where it belongs.
    func position(of address: IPAddress) -> (index: Int, isPresent: Bool) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].address < address { low = middle + 1 } else { high = middle }
        }
        return (low, low < count && self[low].address == address)
    }
}

extension [IPAddress] {
    /// Sorted, without repetitions.
    func sortedSet() -> [IPAddress] {
        if count < 2 { return self }
        var result: [IPAddress] = []
        result.reserveCapacity(count)
        for address in sorted() where address != result.last { result.append(address) }
        return result
    }

    /// Whether a sorted list holds `address`.
    func holds(_ address: IPAddress) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < address { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low] == address
    }
}
