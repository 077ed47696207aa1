import MPEGTS

/// Reads a transport stream as it passes: its tables, its continuity counters, and where a receiver may begin.
///
/// A random-access point is the start of a video unit that the encoder marks (random_access_indicator) or that begins with
/// the parameters of a sequence; in a programme without video, the start of any unit of its first stream.
struct StreamScanner: Sendable {
    /// PIDs of one programme whose counters are kept; more are passed on all the same.
    static let maximumPIDs = 64
    /// Tables further ahead of the picture than so many packets, of sound or of other tables, are not its beginning.
    static let maximumPacketsBetween: UInt64 = 64

    private(set) var badSections: UInt64 = 0

    private var associationSections = SectionAssembler()
    private var mapSections = SectionAssembler()
    private var association: [UInt8] = []
    private var map: [UInt8] = []
    private var mapPID: UInt16?
    private var accessPID: UInt16?
    private var accessIsVideo = false
    private var tables: [UInt8] = []

    /// Which of `counters` a PID has; 0xFF for none.
    private var slots = [UInt8](repeating: 0xFF, count: TransportPacket.pidCount)
    private var counters: [EntryPoint.Counter] = []

    /// PAT and PMT after the access stream's last packet: what follows may begin with them.
    private var run: (position: UInt64, counters: [EntryPoint.Counter], hasMap: Bool)?

    /// Takes the packet at `position`; answers an entry point when the packet, with the tables ahead of it, is one.
    mutating func read(_ packet: borrowing TransportPacket, position: UInt64, time: Int64) -> EntryPoint? {
        guard !packet.isNull else { return nil }
        let pid = packet.pid
        if pid == ProgramAssociation.pid || pid == mapPID {
            noteTables(packet, pid, position)
            return nil
        }
        let entry = isRandomAccess(packet) ? entry(at: position, time, packet) : nil
        if pid == accessPID { run = nil }
        count(packet)
        return entry
    }

    private static let reach = maximumPacketsBetween * UInt64(TransportPacket.size)

    /// PAT and PMT for whoever begins with the packet to be read next; nothing while they are unknown.
    var prefix: [UInt8] {
        EntryPoint(position: 0, time: 0, isDiscontinuous: false, tables: tables, counters: counters).prefix
    }

    private func entry(
        at position: UInt64, _ time: Int64, _ packet: borrowing TransportPacket
    ) -> EntryPoint? {
        guard !tables.isEmpty else { return nil }
        if let run, run.hasMap, position - run.position <= Self.reach {
            return EntryPoint(
                position: run.position, time: time, isDiscontinuous: packet.isDiscontinuous, tables: [],
                counters: run.counters)
        }
        // The packet itself is not counted yet, so a PID seen for the first time has its own counter next.
        var known = counters
        if slots[Int(packet.pid)] == 0xFF {
            known.append(EntryPoint.Counter(pid: packet.pid, next: packet.continuityCounter))
        }
        return EntryPoint(
            position: position, time: time, isDiscontinuous: packet.isDiscontinuous, tables: tables, counters: known)
    }

    private func isRandomAccess(_ packet: borrowing TransportPacket) -> Bool {
        guard packet.pid == accessPID, packet.startsUnit else { return false }
        return !accessIsVideo || packet.isRandomAccess || beginsSequence(packet.payload)
    }

    // MARK: Tables

    private mutating func noteTables(_ packet: borrowing TransportPacket, _ pid: UInt16, _ position: UInt64) {
        if pid == ProgramAssociation.pid {
            if packet.startsUnit { run = (position, counters, false) }
        } else if packet.startsUnit {
            run?.hasMap = true
        }
        count(packet)
        if pid == ProgramAssociation.pid {
            for section in associationSections.append(packet.payload, startsUnit: packet.startsUnit) {
                takeAssociation(section)
            }
        } else {
            for section in mapSections.append(packet.payload, startsUnit: packet.startsUnit) { takeMap(section) }
        }
    }

    private mutating func takeAssociation(_ section: [UInt8]) {
        guard section != association else { return }
        do throws(SectionError) {
            let new = try ProgramAssociation(decoding: section)
            if new.mapPID != mapPID {
                mapSections = SectionAssembler()
                (map, tables, accessPID) = ([], [], nil)
            }
            mapPID = new.mapPID
            association = section
            makeTables()
        } catch {
            badSections &+= 1
        }
    }

    private mutating func takeMap(_ section: [UInt8]) {
        guard section != map else { return }
        do throws(SectionError) {
            let new = try ProgramMap(decoding: section)
            let video = new.streams.first { Self.videoTypes.contains($0.type) }
            accessPID = video?.pid ?? new.streams.first?.pid
            accessIsVideo = video != nil
            map = section
            makeTables()
        } catch {
            badSections &+= 1
        }
    }

    /// MPEG-1, MPEG-2, MPEG-4 part 2, H.264, H.265, H.266.
    private static let videoTypes: Set<UInt8> = [0x01, 0x02, 0x10, 0x1B, 0x24, 0x33]

    private mutating func makeTables() {
        guard let mapPID, !map.isEmpty else { return }
        tables =
            transportPackets(carrying: association, pid: ProgramAssociation.pid)
            + transportPackets(carrying: map, pid: mapPID)
    }

    // MARK: Counters

    private mutating func count(_ packet: borrowing TransportPacket) {
        let counter = packet.continuityCounter
        let next = EntryPoint.Counter(pid: packet.pid, next: (counter &+ 1) & 0x0F)
        let slot = Int(slots[Int(packet.pid)])
        if slot < counters.count {
            counters[slot] = next
        } else if counters.count < Self.maximumPIDs {
            slots[Int(packet.pid)] = UInt8(truncatingIfNeeded: counters.count)
            counters.append(next)
        }
    }
}

/// Whether a unit begins with the parameters of a sequence: H.264 and H.265 parameter sets, or an MPEG-2 sequence header,
/// in the part of it that its first packet carries.
private func beginsSequence(_ payload: RawSpan) -> Bool {
    payload.withUnsafeBytes { bytes in
        var index = 0
        while index + 3 < bytes.count {
            guard bytes[index + 2] == 1, bytes[index] == 0, bytes[index + 1] == 0 else {
                index += 1
                continue
            }
            let unit = bytes[index + 3]
            // Sequence header; H.264 type 7 with a reference; H.265 types 32 and 33.
            if unit == 0xB3 || unit & 0x9F == 0x07 && unit & 0x60 != 0 || unit == 0x40 || unit == 0x42 { return true }
            index += 3
        }
        return false
    }
}
