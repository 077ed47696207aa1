import GroupMembership
import Wire

/// Packets as the kernel of a router puts them on the wire.
enum HostPacket {
    static func igmp(_ payload: [UInt8], from source: IPv4Address, to destination: IPv4Address) -> [UInt8] {
        IGMPHostMessage.packet(payload: payload, from: source, to: destination)
    }
}
