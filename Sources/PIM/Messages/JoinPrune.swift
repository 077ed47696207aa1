import Wire

/// One group of a Join/Prune with the sources joined and pruned in it.
package struct JoinPruneGroup: Equatable, Sendable {
    package var group: EncodedGroup
    package var joined: [EncodedSource]
    package var pruned: [EncodedSource]

    package init(group: EncodedGroup, joined: [EncodedSource] = [], pruned: [EncodedSource] = []) {
        self.group = group
        self.joined = joined
        self.pruned = pruned
    }
}

/// A Join/Prune (RFC 7761 §4.9.5), decoded as a whole before anything is acted on.
///
///      0                   1                   2                   3
///     +---------------------------------------------------------------+
///     |              upstream neighbour (encoded unicast)             |
///     +---------------+---------------+-------------------------------+
///     |    reserved   | group count   |           holdtime            |
///     +---------------+---------------+-------------------------------+
///     |    group, joined count, pruned count, joined…, pruned…        |
package struct JoinPrune: Equatable, Sendable {
    /// Whom it is for; everybody else on the link listens, to suppress or override.
    package var upstreamNeighbor: IPAddress
    /// Seconds; 0xFFFF means until it is pruned.
    package var holdtime: UInt16
    package var groups: [JoinPruneGroup]

    package static let holdtimeForever: UInt16 = 0xFFFF

    package init(upstreamNeighbor: IPAddress, holdtime: UInt16, groups: [JoinPruneGroup]) {
        self.upstreamNeighbor = upstreamNeighbor
        self.holdtime = holdtime
        self.groups = groups
    }

    /// Arrays grow by what is read, never by what a count claims.
    init(body: RawSpan, family: AddressFamily) throws(PIMError) {
        var reader = PIMReader(body)
        upstreamNeighbor = try reader.encodedUnicast(family)
        try reader.skip(1)  // reserved
        let groupCount = try reader.uint8()
        holdtime = try reader.uint16()
        groups = []
        for _ in 0..<groupCount {
            var group = JoinPruneGroup(group: try reader.encodedGroup(family))
            let joinedCount = try reader.uint16()
            let prunedCount = try reader.uint16()
            for _ in 0..<joinedCount { group.joined.append(try reader.encodedSource(family)) }
            for _ in 0..<prunedCount { group.pruned.append(try reader.encodedSource(family)) }
            groups.append(group)
        }
    }

    func write(to writer: inout WireWriter) {
        precondition(groups.count <= 255, "a Join/Prune holds at most 255 groups")
        writer.write(encodedUnicast: upstreamNeighbor)
        writer.write(UInt8(0))
        writer.write(UInt8(groups.count))
        writer.write(holdtime)
        for group in groups {
            precondition(group.joined.count <= 0xFFFF && group.pruned.count <= 0xFFFF, "source counts have 16 bits")
            writer.write(group.group)
            writer.write(UInt16(group.joined.count))
            writer.write(UInt16(group.pruned.count))
            for source in group.joined { writer.write(source) }
            for source in group.pruned { writer.write(source) }
        }
    }
}
