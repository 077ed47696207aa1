import GroupMembership
import Testing
import Wire

extension [UInt8] {
    /// The packet with one byte replaced, checksums left as they are.
    func replacing(_ offset: Int, with byte: UInt8) -> [UInt8] {
        var copy = self
        copy[offset] = byte
        return copy
    }

    /// The IGMP message with its checksum made right.
    func sealed() -> [UInt8] {
        var copy = self
        copy[2] = 0
        copy[3] = 0
        let sum = internetChecksum(copy)
        copy[2] = UInt8(truncatingIfNeeded: sum >> 8)
        copy[3] = UInt8(truncatingIfNeeded: sum)
        return copy
    }

    /// An IPv4 packet without options around an IGMP message.
    static func plain(_ message: [UInt8], from source: IPv4Address, to destination: IPv4Address) -> [UInt8] {
        var packet = IGMPHostMessage.packet(payload: message, from: source, to: destination)
        packet.removeSubrange(20..<24)
        packet[0] = 0x45
        packet[3] -= 4
        return packet
    }
}

extension IGMPMessage {
    init(_ bytes: [UInt8]) throws(IGMPError) {
        try self.init(decoding: bytes.span.bytes)
    }
}

extension IGMPPacketHeader {
    init(_ bytes: [UInt8]) throws(IGMPError) {
        try self.init(decoding: bytes.span.bytes)
    }
}

extension IPAddress {
    static func source(_ number: UInt8) -> IPAddress { .v4(IPv4Address(198, 51, 100, number)) }
}

extension MembershipConfiguration {
    static func with(_ change: (inout MembershipConfiguration) -> Void) -> MembershipConfiguration {
        var configuration = MembershipConfiguration()
        change(&configuration)
        return configuration
    }
}
