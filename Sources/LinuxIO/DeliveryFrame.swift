import CSystemShims
import Wire

/// Why a frame from a delivery interface was not taken.
package enum DeliveryFault: String, Error, Sendable, Hashable, CaseIterable {
    /// It was longer than the buffer.
    case truncated
    /// It ends before its headers do.
    case shortFrame = "short-frame"
    /// Another Ethernet type or IP version.
    case notIPv4 = "not-ipv4"
    case badIPv4Length = "bad-ipv4-length"
    case badIPv4Checksum = "bad-ipv4-checksum"
    /// Media is not sent in fragments, and nothing here puts them together.
    case fragment
    case notUDP = "not-udp"
    case notMulticast = "not-multicast"
    case badUDPLength = "bad-udp-length"
    case badUDPChecksum = "bad-udp-checksum"
    /// The kernel merged datagrams in a way that is not known here, or one whose checksum nobody vouches for.
    case badOffload = "bad-offload"
    /// The kernel had a packet that it could not describe by a virtio-net header; before Linux 6.2 every GSO train.
    case refusedByKernel = "refused-by-kernel"

    var rank: Int {
        switch self {
        case .truncated: 0
        case .shortFrame: 1
        case .notIPv4: 2
        case .badIPv4Length: 3
        case .badIPv4Checksum: 4
        case .fragment: 5
        case .notUDP: 6
        case .notMulticast: 7
        case .badUDPLength: 8
        case .badUDPChecksum: 9
        case .badOffload: 10
        case .refusedByKernel: 11
        }
    }
}

/// Whose datagram it is.
package struct DeliveryHeader: Hashable, Sendable {
    package var source: IPv4Address
    package var group: IPv4Address
    package var sourcePort: UInt16
    package var destinationPort: UInt16

    package init(source: IPv4Address, group: IPv4Address, sourcePort: UInt16, destinationPort: UInt16) {
        self.source = source
        self.group = group
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
    }
}

/// One frame of a packet socket with PACKET_VNET_HDR: a UDP datagram to a group, or a train of them that the kernel left
/// in one piece (GSO). Checked once, here.
struct DeliveryFrame: ~Escapable {
    let header: DeliveryHeader
    /// Of all datagrams of a train, one after the other.
    let payload: RawSpan
    /// What each datagram of a train carries, the last one perhaps less; nil for a single datagram.
    let segmentSize: Int?

    private static let ethernetAt = mrp_vnet_header_size
    private static let internetAt = ethernetAt + 14
    private static let internetHeaderSize = 20
    private static let udpHeaderSize = 8

    @_lifetime(copy frame)
    init(parsing frame: RawSpan) throws(DeliveryFault) {
        guard frame.byteCount >= Self.internetAt + Self.internetHeaderSize else { throw .shortFrame }
        guard frame.uint16(at: Self.ethernetAt + 12) == 0x0800 else { throw .notIPv4 }
        let offload = try Offload(frame)
        let transport = try Self.transport(in: frame)
        let source = IPv4Address(rawValue: frame.uint32(at: Self.internetAt + 12))
        let group = IPv4Address(rawValue: frame.uint32(at: Self.internetAt + 16))
        let datagram = frame.extracting(transport)
        header = DeliveryHeader(
            source: source, group: group, sourcePort: datagram.uint16(at: 0), destinationPort: datagram.uint16(at: 2))
        let length = Int(datagram.uint16(at: 4))
        guard length >= Self.udpHeaderSize, length <= datagram.byteCount else { throw .badUDPLength }
        if offload.segmentSize != nil, length != datagram.byteCount { throw .badUDPLength }
        try offload.verify(datagram.extracting(..<length), from: source, to: group)
        payload = datagram.extracting(Self.udpHeaderSize..<length)
        segmentSize = offload.segmentSize
    }

    /// Checks the IPv4 header, and answers where what it carries lies: at least a UDP header.
    private static func transport(in frame: RawSpan) throws(DeliveryFault) -> Range<Int> {
        let versionAndLength = frame.uint8(at: internetAt)
        guard versionAndLength >> 4 == 4 else { throw .notIPv4 }
        let headerSize = Int(versionAndLength & 0x0F) * 4
        let totalLength = Int(frame.uint16(at: internetAt + 2))
        // Behind the packet a short frame has padding.
        guard headerSize >= internetHeaderSize, totalLength >= headerSize,
            totalLength <= frame.byteCount - internetAt
        else { throw .badIPv4Length }
        guard internetChecksum(frame.extracting(internetAt..<internetAt + headerSize)) == 0 else {
            throw .badIPv4Checksum
        }
        // All but "don't fragment": more fragments, and where this one belongs.
        guard frame.uint16(at: internetAt + 6) & 0xBFFF == 0 else { throw .fragment }
        guard frame.uint8(at: internetAt + 9) == 17 else { throw .notUDP }
        guard frame.uint8(at: internetAt + 16) >> 4 == 0xE else { throw .notMulticast }
        guard totalLength >= headerSize + udpHeaderSize else { throw .badUDPLength }
        return internetAt + headerSize..<internetAt + totalLength
    }
}

/// What the virtio-net header (virtio 1.3 §5.1.6) says of the packet behind it; its numbers are in host byte order.
private struct Offload {
    let segmentSize: Int?
    /// The checksum was left to hardware that the packet never met, or has been verified below.
    private let isChecked: Bool

    init(_ frame: RawSpan) throws(DeliveryFault) {
        let flags = Int(frame.uint8(at: 0))
        isChecked = flags & (mrp_vnet_needs_checksum | mrp_vnet_data_valid) != 0
        switch Int(frame.uint8(at: 1)) {
        case mrp_vnet_gso_none: segmentSize = nil
        case mrp_vnet_gso_udp:
            let size = Int(frame.hostUInt16(at: 4))
            guard size > 0 else { throw .badOffload }
            segmentSize = size
        default: throw .badOffload
        }
    }

    /// Verifies the UDP checksum where nobody else did and the sender gave one (RFC 768).
    func verify(
        _ datagram: RawSpan, from source: IPv4Address, to group: IPv4Address
    ) throws(DeliveryFault) {
        guard !isChecked, datagram.uint16(at: 6) != 0 else { return }
        // A train has one header for many datagrams, and its checksum is none of theirs.
        guard segmentSize == nil else { throw .badOffload }
        let (from, to) = (source.rawValue, group.rawValue)
        let pseudoHeader = (from >> 16) + (from & 0xFFFF) + (to >> 16) + (to & 0xFFFF) + 17 + UInt32(datagram.byteCount)
        guard internetChecksum(datagram, adding: pseudoHeader) == 0 else { throw .badUDPChecksum }
    }
}

extension RawSpan {
    /// Big-endian, as the others; past the end they trap, so each use stands behind a check of the length.
    fileprivate func uint8(at offset: Int) -> UInt8 { unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self) }

    fileprivate func uint16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// In this host's byte order.
    fileprivate func hostUInt16(at offset: Int) -> UInt16 {
        unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }

    fileprivate func uint32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
