import Wire

/// The programme association table of a single-programme stream (ISO/IEC 13818-1 §2.4.4.3).
package struct ProgramAssociation: Hashable, Sendable {
    package static let pid: UInt16 = 0
    static let tableID: UInt8 = 0x00

    package let transportStreamID: UInt16
    package let program: UInt16
    package let mapPID: UInt16

    package init(transportStreamID: UInt16, program: UInt16, mapPID: UInt16) {
        self.transportStreamID = transportStreamID
        self.program = program
        self.mapPID = mapPID
    }

    package init(decoding section: [UInt8]) throws(SectionError) {
        let body = try sectionBody(section, tableID: Self.tableID)
        transportStreamID = body.identifier
        var programs: [(number: UInt16, pid: UInt16)] = []
        for index in stride(from: 0, to: body.bytes.count - 3, by: 4) {
            let number = UInt16(body.bytes[index]) << 8 | UInt16(body.bytes[index + 1])
            let pid = (UInt16(body.bytes[index + 2]) << 8 | UInt16(body.bytes[index + 3])) & 0x1FFF
            // Programme 0 names the network information table.
            if number != 0 { programs.append((number, pid)) }
        }
        guard programs.count <= 1 else { throw .severalProgrammes(programs.count) }
        guard let only = programs.first else { throw .noProgramme }
        guard only.pid >= 0x10, only.pid != TransportPacket.nullPID else { throw .malformed }
        program = only.number
        mapPID = only.pid
    }

    package func encoded(version: UInt8) -> [UInt8] {
        var body = WireWriter(reservingCapacity: 4)
        body.write(program)
        body.write(0xE000 | mapPID)
        return encodedSection(
            tableID: Self.tableID, identifier: transportStreamID, version: version, body: body.bytes)
    }
}

/// The programme map table (ISO/IEC 13818-1 §2.4.4.8); descriptors are kept as they are.
package struct ProgramMap: Hashable, Sendable {
    package struct Stream: Hashable, Sendable {
        package let type: UInt8
        package let pid: UInt16
        package let descriptors: [UInt8]

        package init(type: UInt8, pid: UInt16, descriptors: [UInt8] = []) {
            self.type = type
            self.pid = pid
            self.descriptors = descriptors
        }
    }

    static let tableID: UInt8 = 0x02

    package let program: UInt16
    /// 0x1FFF when the programme has no clock.
    package let clockPID: UInt16
    package let descriptors: [UInt8]
    package let streams: [Stream]

    package init(program: UInt16, clockPID: UInt16, descriptors: [UInt8] = [], streams: [Stream]) {
        self.program = program
        self.clockPID = clockPID
        self.descriptors = descriptors
        self.streams = streams
    }

    package init(decoding section: [UInt8]) throws(SectionError) {
        let body = try sectionBody(section, tableID: Self.tableID)
        program = body.identifier
        do {
            var reader = WireReader(body.bytes.span.bytes)
            clockPID = try reader.readUInt16() & 0x1FFF
            descriptors = try reader.readBytes(Int(try reader.readUInt16() & 0x0FFF))
            var found: [Stream] = []
            while !reader.isAtEnd {
                let type = try reader.readUInt8()
                let pid = try reader.readUInt16() & 0x1FFF
                found.append(
                    Stream(
                        type: type, pid: pid,
                        descriptors: try reader.readBytes(Int(try reader.readUInt16() & 0x0FFF))))
            }
            streams = found
        } catch {
            throw .malformed
        }
    }

    package func encoded(version: UInt8) -> [UInt8] {
        var body = WireWriter(reservingCapacity: 64)
        body.write(0xE000 | clockPID)
        body.write(0xF000 | UInt16(truncatingIfNeeded: descriptors.count))
        body.write(contentsOf: descriptors)
        for stream in streams {
            body.write(stream.type)
            body.write(0xE000 | stream.pid)
            body.write(0xF000 | UInt16(truncatingIfNeeded: stream.descriptors.count))
            body.write(contentsOf: stream.descriptors)
        }
        return encodedSection(tableID: Self.tableID, identifier: program, version: version, body: body.bytes)
    }
}

/// What stands between the common head of a table section and its CRC.
private func sectionBody(
    _ section: [UInt8], tableID: UInt8
) throws(SectionError) -> (identifier: UInt16, bytes: [UInt8]) {
    guard section.count >= 12, section.count <= SectionAssembler.maximumSectionLength else { throw .malformed }
    guard section[0] == tableID else { throw .wrongTable(section[0]) }
    guard section[1] & 0x80 != 0, 3 + (Int(section[1] & 0x0F) << 8 | Int(section[2])) == section.count else {
        throw .malformed
    }
    guard SectionChecksum.compute(section) == 0 else { throw .badChecksum }
    let identifier = UInt16(section[3]) << 8 | UInt16(section[4])
    return (identifier, Array(section[8..<(section.count - 4)]))
}

private func encodedSection(tableID: UInt8, identifier: UInt16, version: UInt8, body: [UInt8]) -> [UInt8] {
    var writer = WireWriter(reservingCapacity: body.count + 12)
    writer.write(tableID)
    writer.write(0xB000 | UInt16(truncatingIfNeeded: body.count + 9))
    writer.write(identifier)
    // Reserved bits set, version, current_next_indicator.
    writer.write(0xC1 | (version & 0x1F) << 1)
    writer.write(UInt16(0))
    writer.write(contentsOf: body)
    writer.write(SectionChecksum.compute(writer.bytes))
    return writer.bytes
}

/// Cuts a section into whole transport packets with continuity counters of zero.
package func transportPackets(carrying section: [UInt8], pid: UInt16) -> [UInt8] {
    var packets: [UInt8] = []
    // The pointer field stands before the section.
    var rest = ([0] + section)[...]
    var startFlag: UInt8 = 0x40
    while !rest.isEmpty {
        let part = rest.prefix(TransportPacket.size - 4)
        packets += [
            TransportPacket.syncByte, startFlag | UInt8(truncatingIfNeeded: pid >> 8), UInt8(truncatingIfNeeded: pid),
            0x10,
        ]
        packets += part
        packets += repeatElement(0xFF, count: TransportPacket.size - 4 - part.count)
        rest = rest.dropFirst(part.count)
        startFlag = 0
    }
    return packets
}
