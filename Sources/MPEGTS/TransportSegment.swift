/// Why bytes are no transport stream at all.
package enum TransportSegmentError: Error, Hashable, Sendable {
    case empty
    case tooLarge(limit: Int)
    /// No run of sync bytes 188 bytes apart.
    case notTransportStream
}

/// What was wrong with segments, and mended.
package struct SegmentFaults: Hashable, Sendable, Codable {
    /// Bytes skipped to find the packet boundary again.
    package internal(set) var skippedBytes: UInt64 = 0
    package internal(set) var syncLosses: UInt64 = 0
    /// Segments that ended within a packet.
    package internal(set) var partialPackets: UInt64 = 0
    package internal(set) var badSections: UInt64 = 0

    package init() {}

    mutating func add(_ other: SegmentFaults) {
        skippedBytes &+= other.skippedBytes
        syncLosses &+= other.syncLosses
        partialPackets &+= other.partialPackets
        badSections &+= other.badSections
    }
}

/// A fetched segment, cut into whole packets and read through once: where its clock references and tables are.
///
/// Making one needs no other state, so it is done on whichever thread fetched the bytes and not on the pacing one.
package struct TransportSegment: Sendable {
    package static let maximumBytes = 64 << 20

    struct Reference: Sendable {
        let packet: Int
        let pid: UInt16
        let clock: ProgramClockReference
        let isDiscontinuous: Bool
    }

    enum Table: Sendable {
        case association(ProgramAssociation)
        case map(ProgramMap)
    }

    /// Whole packets, each beginning with the sync byte.
    let bytes: [UInt8]
    let references: [Reference]
    /// Each table with the packet that completed it, in order.
    let tables: [(packet: Int, table: Table)]

    /// As the playlist says; used where the segment has no clock.
    package let duration: Duration
    /// The playlist announces another time base.
    package let isDiscontinuous: Bool
    /// Media lost between the segment before and this one.
    package let missingBefore: Duration
    package let faults: SegmentFaults

    package var byteCount: Int { bytes.count }
    package var packetCount: Int { bytes.count / TransportPacket.size }

    package init(
        scanning input: [UInt8], duration: Duration, isDiscontinuous: Bool = false, missingBefore: Duration = .zero
    ) throws(TransportSegmentError) {
        guard !input.isEmpty else { throw .empty }
        guard input.count <= Self.maximumBytes else { throw .tooLarge(limit: Self.maximumBytes) }
        var faults = SegmentFaults()
        let aligned = alignPackets(input, &faults)
        guard !aligned.isEmpty else { throw .notTransportStream }
        var scan = SegmentScan()
        scan.read(aligned)
        faults.badSections = scan.badSections
        bytes = aligned
        references = scan.references
        tables = scan.tables
        self.duration = duration
        self.isDiscontinuous = isDiscontinuous
        self.missingBefore = missingBefore
        self.faults = faults
    }

    /// Nothing, to stand where no segment is.
    init() {
        bytes = []
        references = []
        tables = []
        duration = .zero
        isDiscontinuous = false
        missingBefore = .zero
        faults = SegmentFaults()
    }
}

/// Drops what lies between packets and behind the last whole one; an intact segment is passed on uncopied.
private func alignPackets(_ input: [UInt8], _ faults: inout SegmentFaults) -> [UInt8] {
    var offset = 0
    var kept: [UInt8] = []
    var runStart = 0
    var hasSkipped = false
    while offset + TransportPacket.size <= input.count {
        if input[offset] == TransportPacket.syncByte {
            offset += TransportPacket.size
            continue
        }
        if !hasSkipped { kept.reserveCapacity(input.count) }
        hasSkipped = true
        kept += input[runStart..<offset]
        faults.syncLosses += 1
        let next = nextPacketRun(in: input, from: offset)
        faults.skippedBytes += UInt64(next - offset)
        offset = next
        runStart = next
    }
    if offset < input.count { faults.partialPackets += 1 }
    guard hasSkipped || offset < input.count else { return input }
    return hasSkipped ? kept + input[runStart..<min(offset, input.count)] : Array(input[..<offset])
}

/// The next offset at which three sync bytes stand a packet apart, or as many as there is room for; else the end.
private func nextPacketRun(in input: [UInt8], from start: Int) -> Int {
    func isSyncOrEnd(_ offset: Int) -> Bool { offset >= input.count || input[offset] == TransportPacket.syncByte }
    var offset = start
    while offset + TransportPacket.size <= input.count {
        if input[offset] == TransportPacket.syncByte, isSyncOrEnd(offset + TransportPacket.size),
            isSyncOrEnd(offset + 2 * TransportPacket.size)
        {
            return offset
        }
        offset += 1
    }
    return input.count
}

/// One pass over whole packets for clock references and tables.
private struct SegmentScan {
    var references: [TransportSegment.Reference] = []
    var tables: [(packet: Int, table: TransportSegment.Table)] = []
    var badSections: UInt64 = 0
    private var associationSections = SectionAssembler()
    private var mapSections = SectionAssembler()
    private var mapPID: UInt16?

    mutating func read(_ bytes: [UInt8]) {
        let span = bytes.span.bytes
        for index in 0..<(bytes.count / TransportPacket.size) {
            let offset = index * TransportPacket.size
            guard let packet = TransportPacket(span.extracting(offset..<(offset + TransportPacket.size))),
                !packet.hasError
            else { continue }
            if packet.hasAdaptationField, let clock = packet.clockReference {
                references.append(
                    TransportSegment.Reference(
                        packet: index, pid: packet.pid, clock: clock, isDiscontinuous: packet.isDiscontinuous))
            }
            if packet.pid == ProgramAssociation.pid {
                for section in associationSections.append(packet.payload, startsUnit: packet.startsUnit) {
                    readAssociation(section, at: index)
                }
            } else if packet.pid == mapPID {
                for section in mapSections.append(packet.payload, startsUnit: packet.startsUnit) {
                    readMap(section, at: index)
                }
            }
        }
    }

    private mutating func readAssociation(_ section: [UInt8], at index: Int) {
        do {
            let association = try ProgramAssociation(decoding: section)
            if association.mapPID != mapPID { mapSections = SectionAssembler() }
            mapPID = association.mapPID
            tables.append((index, .association(association)))
        } catch {
            badSections += 1
        }
    }

    private mutating func readMap(_ section: [UInt8], at index: Int) {
        do {
            tables.append((index, .map(try ProgramMap(decoding: section))))
        } catch {
            badSections += 1
        }
    }
}
