import Wire

/// The IPv4 header of an IGMP packet as a raw socket hands it over (RFC 791 §3.1, RFC 3376 §4).
///
/// The header checksum is not looked at: the kernel drops a packet where it is wrong before any socket sees it.
package struct IGMPPacketHeader: Equatable, Sendable {
    package let source: IPv4Address
    package let destination: IPv4Address
    package let hasRouterAlert: Bool
    /// Where the IGMP message lies in the packet.
    package let payload: Range<Int>

    private static let minimumLength = 20
    private static let igmp: UInt8 = 2
    private static let endOfOptions: UInt8 = 0
    private static let noOperation: UInt8 = 1
    private static let routerAlert: UInt8 = 148

    package init(decoding packet: RawSpan) throws(IGMPError) {
        var reader = WireReader(packet)
        let versionAndLength = try reader.nextUInt8()
        try reader.pass(1)
        let totalLength = Int(try reader.nextUInt16())
        try reader.pass(2)
        let fragmentation = try reader.nextUInt16()
        let timeToLive = try reader.nextUInt8()
        let protocolNumber = try reader.nextUInt8()
        try reader.pass(2)
        source = try reader.nextAddress()
        destination = try reader.nextAddress()

        guard versionAndLength >> 4 == 4 else { throw .notIPv4 }
        let headerLength = Int(versionAndLength & 0xF) * 4
        guard headerLength >= Self.minimumLength else { throw .badHeaderLength }
        guard totalLength >= headerLength else { throw .badTotalLength }
        guard totalLength <= packet.byteCount else { throw .truncated }
        guard fragmentation & 0x3FFF == 0 else { throw .fragment }
        guard protocolNumber == Self.igmp else { throw .notIGMP }
        guard timeToLive == 1 else { throw .wrongTTL }
        hasRouterAlert = try Self.findRouterAlert(packet.extracting(Self.minimumLength..<headerLength))
        payload = headerLength..<totalLength
    }

    private static func findRouterAlert(_ options: RawSpan) throws(IGMPError) -> Bool {
        var reader = WireReader(options)
        var found = false
        do {
            while !reader.isAtEnd {
                let kind = try reader.readUInt8()
                if kind == endOfOptions { break }
                if kind == noOperation { continue }
                let length = Int(try reader.readUInt8())
                if kind == routerAlert, length == 4 { found = true }
                try reader.skip(length - 2)
            }
        } catch {
            throw .badOptions
        }
        return found
    }
}
