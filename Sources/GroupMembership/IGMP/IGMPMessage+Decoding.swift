import Wire

extension IGMPMessage {
    /// Reads the IGMP part of a packet. Group addresses of reports are taken as they are: one unusable record of a
    /// report does not spoil the others, so whoever applies the records checks them (`check`).
    package init(decoding message: RawSpan) throws(IGMPError) {
        guard message.byteCount >= 8 else { throw .truncated }
        guard internetChecksum(message) == 0 else { throw .badChecksum }
        var reader = WireReader(message)
        let type = try reader.nextUInt8()
        switch type {
        case IGMPType.query:
            self = .query(try IGMPQuery(decoding: message))
        case IGMPType.v3Report:
            self = .v3Report(try IGMPv3Report(decoding: message))
        case IGMPType.v1Report, IGMPType.v2Report, IGMPType.leave:
            try reader.pass(3)
            let group = try reader.nextAddress()
            switch type {
            case IGMPType.v1Report: self = .v1Report(group: group)
            case IGMPType.v2Report: self = .v2Report(group: group)
            default: self = .leave(group: group)
            }
        default:
            throw .unknownType
        }
    }

    /// Refuses what is no group, or none that is ever routed.
    package static func check(group: IPAddress) throws(IGMPError) {
        guard case .v4(let address) = group, address.isMulticast else { throw .notMulticastGroup }
        guard !address.isLinkLocalMulticast else { throw .linkLocalGroup }
    }

    /// Refuses a record that nothing can follow from; as a whole, because half of a source list would be a membership
    /// that its host did not ask for.
    static func check(_ record: MembershipRecord) throws(IGMPError) {
        try check(group: record.group)
        for source in record.sources {
            guard case .v4(let address) = source, address.isUsableUnicast else { throw .invalidListedSource }
        }
    }
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Type = 0x11  | Max Resp Code |           Checksum            |
// |                         Group Address                         |
// | Resv  |S| QRV |     QQIC      |     Number of Sources (N)     |   version 3 from here on
// |                      Source Address [1…N]                     |
extension IGMPQuery {
    init(decoding message: RawSpan) throws(IGMPError) {
        var reader = WireReader(message)
        try reader.pass(1)
        let code = try reader.nextUInt8()
        try reader.pass(2)
        let group = try reader.nextAddress()
        guard group.isUnspecified || group.isMulticast else { throw .notMulticastGroup }
        if message.byteCount == 8 {
            self.init(version: code == 0 ? .v1 : .v2, group: group, maxResponseTime: Int(code))
            return
        }
        guard message.byteCount >= 12 else { throw .badQueryLength }
        let flags = try reader.nextUInt8()
        let interval = FloatingPointCode(rawValue: try reader.nextUInt8())
        let sources = try reader.nextSources(count: Int(try reader.nextUInt16())).compactMap(\.v4)
        // A general query has no sources (RFC 3376 §4.1.9).
        guard sources.isEmpty || !group.isUnspecified else { throw .notMulticastGroup }
        self.init(
            version: .v3, group: group, maxResponseTime: FloatingPointCode(rawValue: code).value,
            suppressesRouterSideProcessing: flags & 0x08 != 0, robustnessVariable: Int(flags & 0x07),
            queryInterval: interval.value, sources: sources)
    }
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Type = 0x22  |    Reserved   |           Checksum            |
// |           Reserved            |  Number of Group Records (M)  |
// each record:
// |  Record Type  |  Aux Data Len |     Number of Sources (N)     |
// |                       Multicast Address                       |
// |                      Source Address [1…N]                     |
// |                         Auxiliary Data                        |
extension IGMPv3Report {
    init(decoding message: RawSpan) throws(IGMPError) {
        var reader = WireReader(message)
        try reader.pass(6)
        let count = Int(try reader.nextUInt16())
        guard count <= IGMPMessage.maxRecords else { throw .tooManyRecords }
        // Eight bytes are the least a record takes; the claim is proved before memory is set aside for it.
        guard count * 8 <= reader.remaining else { throw .truncated }
        records = []
        records.reserveCapacity(count)
        unknownRecords = 0
        for _ in 0..<count {
            let type = try reader.nextUInt8()
            let auxiliaryWords = Int(try reader.nextUInt8())
            let sourceCount = Int(try reader.nextUInt16())
            let group = try reader.nextAddress()
            let sources = try reader.nextSources(count: sourceCount)
            try reader.pass(auxiliaryWords * 4)
            if let type = MembershipRecordType(rawValue: type) {
                records.append(MembershipRecord(type, group: .v4(group), sources: sources))
            } else {
                unknownRecords += 1
            }
        }
        // What follows the last record is covered by the checksum and otherwise nobody's business (RFC 3376 §4.2.11).
    }
}
