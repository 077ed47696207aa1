/// A VIF: an interface's number in one multicast routing table, 0...31.
@usableFromInline
package struct VirtualInterface: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The kernel's MAXVIFS.
    package static let limit = 32

    @usableFromInline package let rawValue: UInt8

    /// Nil outside 0...31.
    package init?(_ number: some BinaryInteger) {
        guard (0..<Self.limit).contains(Int(clamping: number)) else { return nil }
        rawValue = UInt8(truncatingIfNeeded: number)
    }

    private init(last: Void) {
        rawValue = UInt8(Self.limit - 1)
    }

    /// Number 31, which a netlink message cannot name as an output: it can only be where packets come in.
    package static let inputOnly = VirtualInterface(last: ())

    @inlinable
    package static func < (left: VirtualInterface, right: VirtualInterface) -> Bool { left.rawValue < right.rawValue }
    @usableFromInline
    package var description: String { "vif\(rawValue)" }
}

/// Any of the 32 VIFs of a table.
///
/// Inlinable, because it is built for every entry that is programmed, in another module.
@usableFromInline
package struct VirtualInterfaceSet: Hashable, Sendable, SetAlgebra, CustomStringConvertible {
    /// Bit n stands for VIF n.
    @usableFromInline package var rawValue: UInt32

    @inlinable
    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    @inlinable
    package init() { rawValue = 0 }

    @inlinable
    package init(_ members: some Sequence<VirtualInterface>) {
        var bits: UInt32 = 0
        for member in members { bits |= 1 << UInt32(member.rawValue) }
        rawValue = bits
    }

    @inlinable
    package var isEmpty: Bool { rawValue == 0 }
    @inlinable
    package var count: Int { rawValue.nonzeroBitCount }

    /// In the order of their numbers.
    package var members: [VirtualInterface] {
        (0..<VirtualInterface.limit).compactMap { rawValue >> UInt32($0) & 1 == 1 ? VirtualInterface($0) : nil }
    }

    @inlinable
    package func contains(_ member: VirtualInterface) -> Bool { rawValue >> UInt32(member.rawValue) & 1 == 1 }

    @inlinable
    @discardableResult
    package mutating func insert(_ new: VirtualInterface) -> (inserted: Bool, memberAfterInsert: VirtualInterface) {
        let inserted = !contains(new)
        rawValue |= 1 << UInt32(new.rawValue)
        return (inserted, new)
    }

    @inlinable
    @discardableResult
    package mutating func remove(_ member: VirtualInterface) -> VirtualInterface? {
        guard contains(member) else { return nil }
        rawValue &= ~(1 << UInt32(member.rawValue))
        return member
    }

    @inlinable
    @discardableResult
    package mutating func update(with new: VirtualInterface) -> VirtualInterface? {
        insert(new).inserted ? nil : new
    }

    @inlinable
    package func union(_ other: Self) -> Self { Self(rawValue: rawValue | other.rawValue) }
    @inlinable
    package func intersection(_ other: Self) -> Self { Self(rawValue: rawValue & other.rawValue) }
    @inlinable
    package func symmetricDifference(_ other: Self) -> Self { Self(rawValue: rawValue ^ other.rawValue) }
    @inlinable
    package mutating func formUnion(_ other: Self) { rawValue |= other.rawValue }
    @inlinable
    package mutating func formIntersection(_ other: Self) { rawValue &= other.rawValue }
    @inlinable
    package mutating func formSymmetricDifference(_ other: Self) { rawValue ^= other.rawValue }

    @usableFromInline
    package var description: String { "{\(members.map { "\($0.rawValue)" }.joined(separator: " "))}" }
}
