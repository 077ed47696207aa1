import Wire

/// Finds where a decoder can begin with a stream it comes into the middle of: at a packet with random_access_indicator
/// (ISO/IEC 13818-1 §2.4.3.5) of the picture, once both tables are known. Of a programme without a picture any frame of
/// sound will do.
package struct RandomAccessFinder: Sendable {
    private var association = TableCapture(pid: ProgramAssociation.pid)
    private var map: TableCapture?
    private var stream: ProgramMap.Stream?

    package init() {}

    /// The packets of the newest PAT and PMT as they came, for the decoder to be given first; empty while one is missing.
    package var tables: [UInt8] {
        guard let map, !map.packets.isEmpty else { return [] }
        return association.packets + map.packets
    }

    /// Takes the next packet of the stream; whether a decoder can begin with it.
    package mutating func canBegin(at packet: borrowing TransportPacket) -> Bool {
        if packet.pid == association.pid {
            if let section = association.append(packet) { follow(section) }
        } else if packet.pid == map?.pid {
            if let section = map?.append(packet), let table = try? ProgramMap(decoding: section) {
                stream = table.streams.first(where: \.isPicture) ?? table.streams.first
            }
        } else if let stream, packet.pid == stream.pid {
            return packet.isRandomAccess || !stream.isPicture && packet.startsUnit
        }
        return false
    }

    private mutating func follow(_ section: [UInt8]) {
        guard let table = try? ProgramAssociation(decoding: section), table.mapPID != map?.pid else { return }
        map = TableCapture(pid: table.mapPID)
        stream = nil
    }
}

/// The packets of one table on their way through, and those of its last whole section.
private struct TableCapture: Sendable {
    /// More than the longest section fills.
    private static let maximumPackets = 8

    let pid: UInt16
    private(set) var packets: [UInt8] = []
    private var unfinished: [UInt8] = []
    private var assembler = SectionAssembler()

    init(pid: UInt16) {
        self.pid = pid
    }

    /// The section that `packet` has completed.
    mutating func append(_ packet: borrowing TransportPacket) -> [UInt8]? {
        if packet.startsUnit { unfinished = [] }
        guard unfinished.count < Self.maximumPackets * TransportPacket.size else { return nil }
        packet.bytes.withUnsafeBytes { unfinished += $0 }
        guard let section = assembler.append(packet.payload, startsUnit: packet.startsUnit).last,
            SectionChecksum.compute(section) == 0
        else { return nil }
        packets = unfinished
        return section
    }
}

extension ProgramMap.Stream {
    /// stream_type of a picture: MPEG-1, MPEG-2, MPEG-4, H.264, H.265, H.266, AVS, AVS2, AVS3, VC-1.
    private static let pictureTypes: Set<UInt8> = [0x01, 0x02, 0x10, 0x1B, 0x24, 0x33, 0x42, 0xD2, 0xD4, 0xEA]

    package var isPicture: Bool { Self.pictureTypes.contains(type) }
}
