import Wire

/// A link of this host as the kernel describes it.
package struct InterfaceState: Sendable, Equatable {
    package var index: InterfaceIndex
    package var name: String
    /// Up, and its carrier too.
    package var isUp: Bool
    package var addresses: [InterfaceAddress]
    /// The bridge it is a port of.
    package var bridge: InterfaceIndex?
    /// Bytes; what IGMP and PIM messages are cut to.
    package var mtu: Int

    package init(
        index: InterfaceIndex, name: String, isUp: Bool, addresses: [InterfaceAddress], bridge: InterfaceIndex? = nil,
        mtu: Int = 1500
    ) {
        self.index = index
        self.name = name
        self.isUp = isUp
        self.addresses = addresses
        self.bridge = bridge
        self.mtu = mtu
    }

    /// The first usable IPv4 address: what IGMP and PIM send from.
    var primaryAddress: IPv4Address? {
        addresses.lazy.compactMap(\.address.v4).first { $0.isUsableUnicast }
    }

    /// The IPv4 subnets of the link.
    var subnets: [IPPrefix] {
        addresses.compactMap { $0.address.v4 == nil ? nil : $0.subnet }
    }
}

/// An address of an interface with its subnet.
package struct InterfaceAddress: Hashable, Sendable {
    package var address: IPAddress
    package var subnet: IPPrefix

    /// Nil when the length does not fit the family.
    package init?(_ address: IPAddress, prefixLength: Int) {
        guard let subnet = IPPrefix(address, length: prefixLength) else { return nil }
        self.address = address
        self.subnet = subnet
    }
}
