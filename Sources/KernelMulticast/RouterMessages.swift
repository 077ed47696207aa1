import CSystemShims
import Glibc
import LinuxIO
import Wire

/// What IGMP and PIM sockets have in common: link-local multicast by interface number.
extension FileDescriptor {
    /// TTL 1 and precedence 6 (internetwork control), own messages not looped back, the interface told on receipt.
    borrowing func prepareForRouterMessages() throws(SystemError) {
        let level = CInt(IPPROTO_IP)
        try setOption(level, IP_PKTINFO, 1)
        try setOption(level, IP_MULTICAST_TTL, 1)
        try setOption(level, IP_MULTICAST_LOOP, 0)
        try setOption(level, IP_TOS, 0xC0)
    }

    borrowing func send(
        _ message: [UInt8], to destination: IPv4Address, on interface: InterfaceIndex, from source: IPv4Address?
    ) throws(SystemError) {
        let number = number
        let endpoint = IPAddress.v4(destination).endpoint
        try shimCall("sendmsg") {
            message.withUnsafeBytes { bytes in
                mrp_send_on_interface(
                    number, bytes.baseAddress, bytes.count, endpoint, interface.rawValue, source?.rawValue ?? 0)
            }
        }
    }
}
