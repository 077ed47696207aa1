/// The kernel's number of a network interface (ifindex); never zero for a real one.
package struct InterfaceIndex: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static func < (left: InterfaceIndex, right: InterfaceIndex) -> Bool { left.rawValue < right.rawValue }
    package var description: String { "#\(rawValue)" }
}

/// Where a forwarding entry sends: an interface and, where that is a bridge, optionally one of its ports.
///
/// On a shared segment IP multicast cannot tell viewers apart, so this is the unit of enforcement.
package struct OutputPort: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var interface: InterfaceIndex
    package var bridgePort: InterfaceIndex?

    package init(interface: InterfaceIndex, bridgePort: InterfaceIndex? = nil) {
        self.interface = interface
        self.bridgePort = bridgePort
    }

    /// Zero is no interface's number.
    private var packed: UInt64 { UInt64(interface.rawValue) << 32 | UInt64(bridgePort?.rawValue ?? 0) }

    package func hash(into hasher: inout Hasher) { hasher.combine(packed) }

    package static func < (left: OutputPort, right: OutputPort) -> Bool {
        left.packed < right.packed
    }

    package var description: String { bridgePort.map { "\(interface).\($0)" } ?? interface.description }
}
