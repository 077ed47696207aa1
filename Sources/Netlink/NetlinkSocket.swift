import CSystemShims
import LinuxIO

/// An rtnetlink socket with its buffer, closed with its owner. One owner, one thread at a time.
final class NetlinkSocket {
    let handle: OpaquePointer

    /// `groups` are notification groups; without any the socket is for requests.
    init(groups: [UInt32]) throws(SystemError) {
        var opened: OpaquePointer?
        try shimCall("netlink") { mrp_netlink_open(&opened, groups, UInt32(groups.count)) }
        guard let opened else { throw SystemError(call: "netlink", errno: 12) }
        handle = opened
    }

    deinit { mrp_netlink_close(handle) }

    var number: CInt { mrp_netlink_descriptor(handle) }
}
