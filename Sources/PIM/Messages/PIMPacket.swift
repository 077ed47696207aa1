import Wire

/// A PIM message with the addresses of the IPv4 packet that carried it, everything checked that needs no state.
package struct PIMPacket: Equatable, Sendable {
    package let source: IPv4Address
    package let destination: IPv4Address
    package let message: PIMMessage

    private struct IPv4Header {
        var headerLength: Int
        var totalLength: Int
        var timeToLive: UInt8
        var source: IPv4Address
        var destination: IPv4Address
    }

    private static let protocolNumber: UInt8 = 103

    /// Reads a whole IPv4 packet as a raw socket hands it; bytes behind its total length are ignored.
    package init(decodingIPv4 packet: RawSpan) throws(PIMError) {
        let header = try Self.readHeader(packet)
        var reader = PIMReader(packet)
        try reader.skip(header.headerLength)
        let payload = try reader.window(header.totalLength - header.headerLength)
        try Self.checkPayload(payload, header)
        source = header.source
        destination = header.destination
        message = try PIMMessage(decoding: payload, family: .ipv4)
    }

    private static func readHeader(_ packet: RawSpan) throws(PIMError) -> IPv4Header {
        var reader = PIMReader(packet)
        let versionAndLength = try reader.uint8()
        guard versionAndLength >> 4 == 4 else { throw .notIPv4 }
        let headerLength = Int(versionAndLength & 0x0F) * 4
        guard headerLength >= 20, headerLength <= packet.byteCount else { throw .badHeaderLength }
        try reader.skip(1)  // type of service
        let totalLength = Int(try reader.uint16())
        guard totalLength >= headerLength, totalLength <= packet.byteCount else { throw .badTotalLength }
        try reader.skip(2)  // identification
        guard try reader.uint16() & 0x3FFF == 0 else { throw .fragmented }
        let timeToLive = try reader.uint8()
        guard try reader.uint8() == protocolNumber else { throw .wrongProtocol }
        try reader.skip(2)  // header checksum, which the kernel has checked
        return IPv4Header(
            headerLength: headerLength, totalLength: totalLength, timeToLive: timeToLive,
            source: IPv4Address(rawValue: try reader.uint32()),
            destination: IPv4Address(rawValue: try reader.uint32()))
    }

    /// The checksum comes last: whatever else is wrong with a packet has the more telling name, and a Register's
    /// checksum covers only its header.
    private static func checkPayload(_ payload: RawSpan, _ header: IPv4Header) throws(PIMError) {
        var reader = PIMReader(payload)
        let versionAndType = try reader.uint8()
        try reader.skip(3)
        guard versionAndType >> 4 == 2 else { throw .wrongVersion }
        guard PIMMessage.isLinkLocal(typeCode: versionAndType & 0x0F) else { throw .unsupportedType }
        guard header.destination == .allPIMRouters else { throw .wrongDestination }
        guard header.timeToLive == 1 else { throw .wrongTTL }
        guard internetChecksum(payload) == 0 else { throw .badChecksum }
    }
}
