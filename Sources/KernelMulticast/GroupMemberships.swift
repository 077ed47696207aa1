import CSystemShims
import Glibc
import LinuxIO
import Wire

/// The router's own memberships, which make the kernel deliver 224.0.0.2, .13 and .22 to the raw sockets.
///
/// One socket takes 20 groups (net.ipv4.igmp_max_memberships), so this holds as many sockets as it needs. The sockets
/// never receive: they are UDP and unbound.
package struct GroupMemberships: ~Copyable {
    private struct Key: Hashable {
        var group: IPv4Address
        var interface: InterfaceIndex
    }

    /// A table of 32 VIFs with three groups each fits easily.
    package static let limit = 1024

    private var sockets: [SharedDescriptor] = []
    private var joined: [Key: Int] = [:]

    package init() {}

    package var count: Int { joined.count }
    package var socketCount: Int { sockets.count }

    /// Joins; a second join of the same group on the same interface changes nothing.
    package mutating func join(_ group: IPv4Address, on interface: InterfaceIndex) throws(SystemError) {
        let key = Key(group: group, interface: interface)
        guard joined[key] == nil else { return }
        guard joined.count < Self.limit else { throw SystemError(call: "join", errno: ENOBUFS) }
        for index in sockets.indices {
            if try join(key, with: index) { return }
        }
        sockets.append(SharedDescriptor(try FileDescriptor.socket(family: AF_INET, type: CInt(SOCK_DGRAM.rawValue))))
        guard try join(key, with: sockets.count - 1) else { throw SystemError(call: "join", errno: ENOBUFS) }
    }

    /// False when the socket is full.
    private mutating func join(_ key: Key, with index: Int) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try sockets[index].descriptor.setMembership(true, group: .v4(key.group), source: nil, on: key.interface)
        } catch  where error.errno == ENOBUFS {
            return false
        }
        joined[key] = index
        return true
    }

    /// Leaves; also what was joined on an interface that has vanished since.
    package mutating func leave(_ group: IPv4Address, on interface: InterfaceIndex) {
        guard let index = joined.removeValue(forKey: Key(group: group, interface: interface)) else { return }
        // The kernel may have dropped the membership with the interface; nothing is left to do then.
        try? sockets[index].descriptor.setMembership(false, group: .v4(group), source: nil, on: interface)
    }

    /// Leaves every group on `interface`, in the order of the groups.
    package mutating func leaveAll(on interface: InterfaceIndex) {
        let groups = joined.keys.filter { $0.interface == interface }.map(\.group).sorted()
        for group in groups { leave(group, on: interface) }
    }
}
