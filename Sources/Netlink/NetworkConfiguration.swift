import CSystemShims
import Glibc
import LinuxIO
import Wire

/// The namespace's links, addresses and neighbours, and the few changes this project makes to them.
package final class NetworkConfiguration {
    /// The kernel's IFNAMSIZ without the terminator.
    package static let nameLengthLimit = 15

    private let handle: OpaquePointer

    package init() throws(SystemError) {
        var opened: OpaquePointer?
        try shimCall("netlink") { mrp_network_open(&opened) }
        guard let opened else { throw SystemError(call: "netlink", errno: ENOMEM) }
        handle = opened
    }

    deinit { mrp_network_close(handle) }

    /// In the order of their numbers.
    package func links() throws(SystemError) -> [NetworkLink] {
        var array: UnsafeMutablePointer<mrp_link>?
        defer { mrp_network_free(array) }
        let count = try shimCall("RTM_GETLINK") { mrp_network_links(handle, &array) }
        return UnsafeBufferPointer(start: array, count: Int(count)).map(NetworkLink.init).sorted { $0.index < $1.index }
    }

    /// Of both families, in the order of their interfaces; an interface's primary address before its others.
    package func addresses() throws(SystemError) -> [InterfaceAddress] {
        var array: UnsafeMutablePointer<mrp_interface_address>?
        defer { mrp_network_free(array) }
        let count = try shimCall("RTM_GETADDR") { mrp_network_addresses(handle, &array) }
        return UnsafeBufferPointer(start: array, count: Int(count)).compactMap(InterfaceAddress.init)
            .sorted {
                ($0.interface, $0.isSecondary ? 1 : 0, $0.address) < ($1.interface, $1.isSecondary ? 1 : 0, $1.address)
            }
    }

    /// Neighbours whose link-layer address is known, in the order of interface and address.
    package func neighbors() throws(SystemError) -> [NetworkNeighbor] {
        var array: UnsafeMutablePointer<mrp_neighbor>?
        defer { mrp_network_free(array) }
        let count = try shimCall("RTM_GETNEIGH") { mrp_network_neighbors(handle, &array) }
        let neighbors = UnsafeBufferPointer(start: array, count: Int(count)).compactMap { neighbor in
            IPAddress(neighbor.address).map {
                NetworkNeighbor(
                    interface: InterfaceIndex(neighbor.ifindex), address: $0,
                    hardwareAddress: MACAddress(rawValue: neighbor.hardware_address))
            }
        }
        return neighbors.sorted { ($0.interface, $0.address) < ($1.interface, $1.address) }
    }

    /// The link of this name, or nil.
    package func link(named name: String) throws(SystemError) -> NetworkLink? {
        try links().first { $0.name == name }
    }

    /// Makes two interfaces that are each other's wire, both down; EEXIST when a name is taken.
    package func addVethPair(_ name: String, _ peerName: String) throws(SystemError) {
        for name in [name, peerName] where !(1...Self.nameLengthLimit).contains(name.utf8.count) {
            throw SystemError(call: "RTM_NEWLINK", errno: EINVAL)
        }
        try shimCall("RTM_NEWLINK") { mrp_network_add_veth(handle, name, peerName) }
    }

    /// Removes a link, and the other end of a pair with it.
    package func remove(_ link: InterfaceIndex) throws(SystemError) {
        try shimCall("RTM_DELLINK") { mrp_network_delete_link(handle, link.rawValue) }
    }

    package func setUp(_ link: InterfaceIndex, _ up: Bool = true) throws(SystemError) {
        try shimCall("RTM_NEWLINK") { mrp_network_set_up(handle, link.rawValue, up) }
    }

    /// Moves a link into another network namespace, where it is down and has no addresses.
    package func move(_ link: InterfaceIndex, to namespace: borrowing FileDescriptor) throws(SystemError) {
        let number = namespace.number
        try shimCall("RTM_NEWLINK") { mrp_network_move_link(handle, link.rawValue, number) }
    }

    /// Adds an address with its on-link prefix; EEXIST when it is there.
    package func add(
        _ address: IPAddress, prefixLength: Int, to link: InterfaceIndex
    ) throws(SystemError) {
        guard let length = UInt8(exactly: prefixLength), IPPrefix(address, length: prefixLength) != nil else {
            throw SystemError(call: "RTM_NEWADDR", errno: EINVAL)
        }
        try shimCall("RTM_NEWADDR") { mrp_network_add_address(handle, link.rawValue, address.endpoint, length) }
    }
}

extension NetworkConfiguration {
    /// The interface a live proxy sends from: one end of a veth pair with `address`, both ends up. What is there already
    /// under these names is used. The kernel routes the proxy's packets as if they had come in by this interface.
    package func ensureSourceInterface(
        named name: String, peerName: String, address: IPAddress, prefixLength: Int
    ) throws(SystemError) -> NetworkLink {
        try ensurePair(named: name, peerName: peerName, address: address, prefixLength: prefixLength) { _ in }
    }

    /// The interface that trees are copied to for a receiver on this host: one end of a veth pair with `address`. What is
    /// there already under these names is used. A packet socket on the far end hears what is copied; without one the
    /// kernel drops it there, for nobody is a member and there is no address. Both ends are silent in IPv6, and so wide
    /// that nothing is cut into fragments on them.
    @discardableResult
    package func ensureDeliveryInterface(
        named name: String, peerName: String, address: IPAddress, prefixLength: Int
    ) throws(SystemError) -> NetworkLink {
        try ensurePair(
            named: name, peerName: peerName, address: address, prefixLength: prefixLength
        ) { link throws(SystemError) in
            try shimCall("RTM_NEWLINK") { mrp_network_make_quiet(handle, link.rawValue) }
            try shimCall("RTM_NEWLINK") { mrp_network_set_mtu(handle, link.rawValue, Self.largestMTU) }
        }
    }

    private static let largestMTU: UInt32 = 65_535

    /// - Parameter prepare: called for each end while it is new and down.
    private func ensurePair(
        named name: String, peerName: String, address: IPAddress, prefixLength: Int,
        prepare: (InterfaceIndex) throws(SystemError) -> Void
    ) throws(SystemError) -> NetworkLink {
        if try link(named: name) == nil {
            try addVethPair(name, peerName)
            for name in [name, peerName] {
                if let end = try link(named: name) { try prepare(end.index) }
            }
        }
        guard let source = try link(named: name), let peer = try link(named: peerName) else {
            throw SystemError(call: "RTM_NEWLINK", errno: ENODEV)
        }
        let isThere = try addresses().contains { $0.interface == source.index && $0.address == address }
        if !isThere { try add(address, prefixLength: prefixLength, to: source.index) }
        for link in [peer, source] where !link.isUp { try setUp(link.index) }
        return try link(named: name) ?? source
    }
}
