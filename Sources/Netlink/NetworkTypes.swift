import CSystemShims
import Glibc
import LinuxIO
import Wire

/// RFC 2863's ifOperStatus, with the kernel's numbers. A link is `unknown` until its driver first tells of a carrier, and
/// what is sent over it in the meantime is dropped; loopback and tunnels stay so.
package enum OperationalState: UInt8, Hashable, Sendable {
    case unknown, notPresent, down, lowerLayerDown, testing, dormant
    case up
}

/// A network interface.
package struct NetworkLink: Hashable, Sendable {
    package var index: InterfaceIndex
    package var name: String
    /// "veth", "bridge", "tun" …; empty for a physical one.
    package var kind: String
    package var mtu: Int
    /// Set up by the administrator.
    package var isUp: Bool
    /// Up, and nothing is known to be wrong with it.
    package var isRunning: Bool
    package var operationalState: OperationalState
    package var isMulticast: Bool
    package var isLoopback: Bool
    /// The bridge it is a port of.
    package var controller: InterfaceIndex?
    /// The other end of a veth pair, where that is in the same namespace.
    package var peer: InterfaceIndex?
    package var hardwareAddress: MACAddress?

    package var isBridge: Bool { kind == "bridge" }

    package init(
        index: InterfaceIndex, name: String, kind: String = "", mtu: Int = 1500, isUp: Bool = true,
        isRunning: Bool = true, operationalState: OperationalState = .up, isMulticast: Bool = true,
        isLoopback: Bool = false, controller: InterfaceIndex? = nil,
        peer: InterfaceIndex? = nil, hardwareAddress: MACAddress? = nil
    ) {
        self.index = index
        self.name = name
        self.kind = kind
        self.mtu = mtu
        self.isUp = isUp
        self.isRunning = isRunning
        self.operationalState = operationalState
        self.isMulticast = isMulticast
        self.isLoopback = isLoopback
        self.controller = controller
        self.peer = peer
        self.hardwareAddress = hardwareAddress
    }
}

/// An address of an interface.
package struct InterfaceAddress: Hashable, Sendable {
    package var interface: InterfaceIndex
    package var address: IPAddress
    package var prefixLength: Int
    /// The interface has an older address of the same subnet, which is its primary one.
    package var isSecondary: Bool

    package init(interface: InterfaceIndex, address: IPAddress, prefixLength: Int, isSecondary: Bool = false) {
        self.interface = interface
        self.address = address
        self.prefixLength = prefixLength
        self.isSecondary = isSecondary
    }

    /// The subnet on the link.
    package var prefix: IPPrefix? { IPPrefix(address, length: prefixLength) }
}

/// An entry of the neighbour table that has a link-layer address.
package struct NetworkNeighbor: Hashable, Sendable {
    package var interface: InterfaceIndex
    package var address: IPAddress
    package var hardwareAddress: MACAddress

    package init(interface: InterfaceIndex, address: IPAddress, hardwareAddress: MACAddress) {
        self.interface = interface
        self.address = address
        self.hardwareAddress = hardwareAddress
    }
}

extension NetworkLink {
    init(_ link: mrp_link) {
        func text(_ bytes: UnsafeRawBufferPointer) -> String {
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        func isSet(_ flag: Int) -> Bool { link.flags & UInt32(flag) != 0 }
        self.init(
            index: InterfaceIndex(link.ifindex), name: withUnsafeBytes(of: link.name, text),
            kind: withUnsafeBytes(of: link.kind, text), mtu: Int(link.mtu), isUp: isSet(IFF_UP),
            isRunning: isSet(IFF_RUNNING),
            operationalState: OperationalState(rawValue: link.operational_state) ?? .unknown,
            isMulticast: isSet(IFF_MULTICAST),
            isLoopback: isSet(IFF_LOOPBACK),
            controller: link.controller == 0 ? nil : InterfaceIndex(link.controller),
            peer: link.peer == 0 ? nil : InterfaceIndex(link.peer),
            hardwareAddress: link.has_hardware_address ? MACAddress(rawValue: link.hardware_address) : nil)
    }
}

extension InterfaceAddress {
    init?(_ address: mrp_interface_address) {
        guard let value = IPAddress(address.address) else { return nil }
        self.init(
            interface: InterfaceIndex(address.ifindex), address: value, prefixLength: Int(address.prefix_length),
            isSecondary: address.is_secondary)
    }
}
