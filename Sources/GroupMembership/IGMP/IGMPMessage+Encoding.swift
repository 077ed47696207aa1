import Wire

extension IGMPMessage {
    /// The IGMP part of a packet with its checksum. Counts beyond the fields' 16 bits are cut off, so callers split
    /// first (`IGMPQuery.split`, `IGMPHostMessage`).
    package func encoded() -> [UInt8] {
        var writer = WireWriter(reservingCapacity: 16)
        switch self {
        case .query(let query): query.write(to: &writer)
        case .v1Report(let group): Self.write(IGMPType.v1Report, group, to: &writer)
        case .v2Report(let group): Self.write(IGMPType.v2Report, group, to: &writer)
        case .leave(let group): Self.write(IGMPType.leave, group, to: &writer)
        case .v3Report(let report): report.write(to: &writer)
        }
        writer.patch(internetChecksum(writer.bytes), at: 2)
        return writer.bytes
    }

    private static func write(_ type: UInt8, _ group: IPv4Address, to writer: inout WireWriter) {
        writer.write(type)
        writer.writeZeros(3)
        writer.write(group)
    }
}

extension IGMPQuery {
    /// Bytes of the IPv4 header with Router Alert, and of a version 3 query before its sources.
    private static let overhead = 24 + 12

    fileprivate func write(to writer: inout WireWriter) {
        writer.write(IGMPType.query)
        switch version {
        case .v1: writer.write(UInt8(0))
        // A zero would make it a version 1 query.
        case .v2: writer.write(UInt8(min(max(maxResponseTime, 1), 255)))
        case .v3: writer.write(FloatingPointCode(value: maxResponseTime).rawValue)
        }
        writer.writeZeros(2)
        writer.write(group)
        guard version == .v3 else { return }
        let robustness = (0...7).contains(robustnessVariable) ? UInt8(robustnessVariable) : 0
        writer.write((suppressesRouterSideProcessing ? 0x08 : 0) | robustness)
        writer.write(FloatingPointCode(value: queryInterval).rawValue)
        let listed = sources.prefix(Int(UInt16.max))
        writer.write(UInt16(listed.count))
        for source in listed { writer.write(source) }
    }

    /// The same query in as many messages as an interface with this MTU needs for the sources (RFC 3376 §4.1.8).
    package func split(mtu: Int) -> [IGMPQuery] {
        let room = max((mtu - Self.overhead) / 4, 1)
        guard sources.count > room else { return [self] }
        return stride(from: 0, to: sources.count, by: room).map { start in
            var part = self
            part.sources = Array(sources[start..<min(start + room, sources.count)])
            return part
        }
    }
}

extension IGMPv3Report {
    fileprivate func write(to writer: inout WireWriter) {
        writer.write(IGMPType.v3Report)
        writer.writeZeros(5)
        let listed = records.prefix(Int(UInt16.max))
        writer.write(UInt16(listed.count))
        for record in listed {
            let sources = record.sources.compactMap(\.v4).prefix(Int(UInt16.max))
            writer.write(record.type.rawValue)
            writer.write(UInt8(0))
            writer.write(UInt16(sources.count))
            writer.write(record.group.v4 ?? .unspecified)
            for source in sources { writer.write(source) }
        }
    }
}
