import CSystemShims
import Glibc
import Wire

/// A non-blocking UDP socket for media: sends trains, receives batches, joins groups by interface number.
package struct UDPSocket: ~Copyable, Sendable {
    package enum Family: UInt8, Sendable {
        case v4 = 4
        case v6 = 6
    }

    package let descriptor: FileDescriptor
    package let family: Family

    /// Path MTU discovery is off: a datagram with DF set would vanish in the kernel's multicast forwarding wherever it
    /// is larger than the way out, and a train with DF set always does.
    package init(_ family: Family) throws(SystemError) {
        let domain = family == .v4 ? AF_INET : AF_INET6
        let opened = try FileDescriptor.socket(family: domain, type: CInt(SOCK_DGRAM.rawValue))
        if family == .v4 { try opened.setOption(CInt(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_DONT) }
        descriptor = opened
        self.family = family
    }

    package borrowing func bind(to address: SocketAddress) throws(SystemError) {
        let number = descriptor.number
        try shimCall("bind") { mrp_bind(number, address.endpoint) }
    }

    /// Fixes the destination, which then may be left out when sending and saves a route look-up a send.
    package borrowing func connect(to address: SocketAddress) throws(SystemError) {
        let number = descriptor.number
        try shimCall("connect") { mrp_connect(number, address.endpoint) }
    }

    package borrowing func localAddress() throws(SystemError) -> SocketAddress? {
        let number = descriptor.number
        var endpoint = mrp_endpoint()
        try shimCall("getsockname") { mrp_local_endpoint(number, &endpoint) }
        return SocketAddress(endpoint)
    }
}

extension UDPSocket {
    package borrowing func setReuseAddress() throws(SystemError) {
        try descriptor.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
    }

    /// How many routers a multicast datagram may pass; the kernel's default of 1 passes none.
    package borrowing func setMulticastTTL(_ hops: UInt8) throws(SystemError) {
        switch family {
        case .v4: try descriptor.setOption(CInt(IPPROTO_IP), IP_MULTICAST_TTL, CInt(hops))
        case .v6: try descriptor.setOption(CInt(IPPROTO_IPV6), IPV6_MULTICAST_HOPS, CInt(hops))
        }
    }

    /// Whether this host's own multicast routing and members see what is sent here; the kernel forwards a local sender's
    /// packets only when this is on.
    package borrowing func setMulticastLoop(_ on: Bool) throws(SystemError) {
        switch family {
        case .v4: try descriptor.setOption(CInt(IPPROTO_IP), IP_MULTICAST_LOOP, on ? 1 : 0)
        case .v6: try descriptor.setOption(CInt(IPPROTO_IPV6), IPV6_MULTICAST_LOOP, on ? 1 : 0)
        }
    }

    /// Which interface multicast leaves by.
    package borrowing func setMulticastInterface(_ interface: InterfaceIndex) throws(SystemError) {
        let (number, family) = (descriptor.number, family.rawValue)
        try shimCall("setsockopt") { mrp_multicast_interface(number, family, interface.rawValue) }
    }

    /// The six bits of RFC 2474; 0...63.
    package borrowing func setDSCP(_ codePoint: UInt8) throws(SystemError) {
        let value = CInt(codePoint & 0x3F) << 2
        switch family {
        case .v4: try descriptor.setOption(CInt(IPPROTO_IP), IP_TOS, value)
        case .v6: try descriptor.setOption(CInt(IPPROTO_IPV6), IPV6_TCLASS, value)
        }
    }

    /// Only groups this socket joined itself are delivered to it, not those of other sockets on the same port.
    package borrowing func setOnlyOwnGroups() throws(SystemError) {
        switch family {
        case .v4: try descriptor.setOption(CInt(IPPROTO_IP), IP_MULTICAST_ALL, 0)
        case .v6: try descriptor.setOption(CInt(IPPROTO_IPV6), 29 /* IPV6_MULTICAST_ALL */, 0)
        }
    }

    /// Reports the interface and the destination address of each datagram received.
    package borrowing func setReceivesPacketInfo() throws(SystemError) {
        switch family {
        case .v4: try descriptor.setOption(CInt(IPPROTO_IP), IP_PKTINFO, 1)
        case .v6: try descriptor.setOption(CInt(IPPROTO_IPV6), IPV6_RECVPKTINFO, 1)
        }
    }

    /// Lets the kernel hand over several datagrams of one flow as one (UDP_GRO); see `ReceivedDatagram.segmentSize`.
    package borrowing func setReceiveOffload() throws(SystemError) {
        try descriptor.setOption(CInt(IPPROTO_UDP), 104 /* UDP_GRO */, 1)
    }

    package borrowing func join(
        group: IPAddress, source: IPAddress?, on interface: InterfaceIndex
    ) throws(SystemError) {
        try descriptor.setMembership(true, group: group, source: source, on: interface)
    }

    package borrowing func leave(
        group: IPAddress, source: IPAddress?, on interface: InterfaceIndex
    ) throws(SystemError) {
        try descriptor.setMembership(false, group: group, source: source, on: interface)
    }
}

extension FileDescriptor {
    /// Joins or leaves by interface number (RFC 3678 §5.1), which works while the interface has no address. ENOBUFS
    /// means that the socket has its 20 groups (net.ipv4.igmp_max_memberships).
    package borrowing func setMembership(
        _ joined: Bool, group: IPAddress, source: IPAddress?, on interface: InterfaceIndex
    ) throws(SystemError) {
        let number = number
        let source = source?.endpoint ?? mrp_endpoint()
        try shimCall(joined ? "join" : "leave") {
            mrp_membership(number, joined, interface.rawValue, group.endpoint, source)
        }
    }
}
