import LinuxIO
import Wire

/// Which interface has which of a routing table's 32 VIF numbers.
///
/// The kernel clears a VIF when its device goes, but leaves the VIF's bit in every entry that sends there; whoever gets
/// the number next would receive those streams at once, without a join. So a number that was ever used rests until the
/// reconciler has rewritten every entry and says so.
package struct VirtualInterfaceTable: Sendable {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// All 31 numbers that packets can leave by are taken: a 32nd output interface cannot be had.
        case noOutputNumberLeft
        /// All 32 numbers are taken: a 33rd interface cannot be had.
        case tableFull
        /// Every free number rests until `confirmUnreferenced`; try again after it.
        case numbersResting(VirtualInterfaceSet)

        package var description: String {
            switch self {
            case .noOutputNumberLeft: "the kernel's multicast routing sends to at most 31 interfaces"
            case .tableFull: "the kernel's multicast routing has at most 32 interfaces"
            case .numbersResting(let numbers): "VIF numbers \(numbers) are not yet free of old forwarding entries"
            }
        }
    }

    package enum Use: Hashable, Sendable {
        /// Packets come in, and may go out: numbers 0 to 30.
        case inputAndOutput
        /// Packets only come in: number 31 if free, since no netlink message can name it as an output.
        case inputOnly
    }

    private var interfaces: [VirtualInterface: InterfaceIndex] = [:]
    private var numbers: [InterfaceIndex: VirtualInterface] = [:]
    /// Numbers an installed entry may still carry.
    package private(set) var resting = VirtualInterfaceSet()

    /// A new table, whose numbers no entry carries.
    package init() {}

    /// The table of an adopted routing socket. A dump does not show the bits of absent VIFs, so every number without an
    /// interface rests until all installed entries were rewritten.
    package init(adopting installed: [VirtualInterface: InterfaceIndex]) {
        resting = VirtualInterfaceSet(rawValue: .max)
        for (number, interface) in installed {
            // The kernel allows a second number for one interface; the lower one is kept, the other never used.
            if let other = numbers[interface], other < number { continue }
            numbers[interface] = number
        }
        for (interface, number) in numbers {
            interfaces[number] = interface
            resting.remove(number)
        }
    }

    package var count: Int { interfaces.count }
    package func number(of interface: InterfaceIndex) -> VirtualInterface? { numbers[interface] }
    package func interface(of number: VirtualInterface) -> InterfaceIndex? { interfaces[number] }
    /// Every number in use, in order.
    package var assignments: [(number: VirtualInterface, interface: InterfaceIndex)] {
        interfaces.map { (number: $0.key, interface: $0.value) }.sorted { $0.number < $1.number }
    }

    /// The interface's number; the lowest free one is taken when it has none. An interface that has number 31 keeps it
    /// also when asked for an output number: release it first.
    package mutating func assign(_ interface: InterfaceIndex, use: Use) throws(Failure) -> VirtualInterface {
        if let number = numbers[interface] { return number }
        let number = try freeNumber(for: use)
        numbers[interface] = number
        interfaces[number] = interface
        return number
    }

    private func freeNumber(for use: Use) throws(Failure) -> VirtualInterface {
        let taken = VirtualInterfaceSet(interfaces.keys)
        let all = VirtualInterfaceSet(rawValue: .max)
        var eligible = all
        if use == .inputAndOutput { eligible.remove(.inputOnly) }
        let free = eligible.subtracting(taken)
        if free.isEmpty { throw taken == all ? .tableFull : .noOutputNumberLeft }
        let rested = free.subtracting(resting)
        if use == .inputOnly, rested.contains(.inputOnly) { return .inputOnly }
        guard let number = rested.members.first else { throw .numbersResting(free) }
        return number
    }

    /// Gives the interface's number back, when its VIF or its device is gone; the number rests from now on.
    @discardableResult
    package mutating func release(_ interface: InterfaceIndex) -> VirtualInterface? {
        guard let number = numbers.removeValue(forKey: interface) else { return nil }
        interfaces[number] = nil
        resting.insert(number)
        return number
    }

    /// No installed entry carries these numbers any more, neither as an output nor as its input.
    package mutating func confirmUnreferenced(_ unreferenced: VirtualInterfaceSet) {
        resting.subtract(unreferenced)
    }
}
