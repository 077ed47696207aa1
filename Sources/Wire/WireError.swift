/// Why bytes could not be read: always a caller's input, never our own mistake.
@usableFromInline
package enum WireError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The input ended: `needed` bytes were wanted at `offset` and only `available` are there.
    case truncated(offset: Int, needed: Int, available: Int)

    @usableFromInline package var description: String {
        switch self {
        case .truncated(let offset, let needed, let available):
            "input ends at byte \(offset + available): \(needed) bytes needed at byte \(offset)"
        }
    }
}
