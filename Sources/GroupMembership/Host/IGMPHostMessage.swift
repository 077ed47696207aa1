import Wire

/// Whole IPv4 packets as a host sends them: Router Alert, TTL 1, type of service 0xC0, correct checksums.
package enum IGMPHostMessage {
    /// IGMPv3 reports that carry `records`, in as many packets as the MTU asks for. A record that fits no packet
    /// alone is the caller's mistake and goes out as it is.
    package static func reports(
        _ records: [MembershipRecord], from host: IPv4Address, mtu: Int = 1500
    ) -> [[UInt8]] {
        var packets: [[UInt8]] = []
        var pending: [MembershipRecord] = []
        var length = 0
        for record in records {
            let size = 8 + 4 * record.sources.count
            if !pending.isEmpty, length + size > mtu - headerLength - 8 {
                packets.append(report(pending, from: host))
                pending = []
                length = 0
            }
            pending.append(record)
            length += size
        }
        if !pending.isEmpty { packets.append(report(pending, from: host)) }
        return packets
    }

    /// One IGMPv3 report that carries all `records`.
    package static func report(_ records: [MembershipRecord], from host: IPv4Address) -> [UInt8] {
        packet(.v3Report(IGMPv3Report(records: records)), from: host, to: .allIGMPv3Routers)
    }

    /// The IGMPv3 report of a host that now wants `source` of `group`, or all sources.
    package static func join(_ group: IPv4Address, source: IPv4Address? = nil, from host: IPv4Address) -> [UInt8] {
        guard let source else {
            return report([MembershipRecord(.changeToExcludeMode, group: .v4(group))], from: host)
        }
        return report([MembershipRecord(.allowNewSources, group: .v4(group), sources: [.v4(source)])], from: host)
    }

    /// The IGMPv3 report of a host that no longer wants `source` of `group`, or any source.
    package static func leave(_ group: IPv4Address, source: IPv4Address? = nil, from host: IPv4Address) -> [UInt8] {
        guard let source else {
            return report([MembershipRecord(.changeToIncludeMode, group: .v4(group))], from: host)
        }
        return report([MembershipRecord(.blockOldSources, group: .v4(group), sources: [.v4(source)])], from: host)
    }

    package static func v1Report(_ group: IPv4Address, from host: IPv4Address) -> [UInt8] {
        packet(.v1Report(group: group), from: host, to: group)
    }

    package static func v2Report(_ group: IPv4Address, from host: IPv4Address) -> [UInt8] {
        packet(.v2Report(group: group), from: host, to: group)
    }

    package static func v2Leave(_ group: IPv4Address, from host: IPv4Address) -> [UInt8] {
        packet(.leave(group: group), from: host, to: .allRouters)
    }

    /// What another router would send.
    package static func query(_ query: IGMPQuery, from router: IPv4Address) -> [UInt8] {
        packet(.query(query), from: router, to: query.isGeneral ? .allHosts : query.group)
    }

    private static let headerLength = 24

    package static func packet(
        _ message: IGMPMessage, from source: IPv4Address, to destination: IPv4Address
    ) -> [UInt8] {
        packet(payload: message.encoded(), from: source, to: destination)
    }

    /// Puts the IPv4 header with Router Alert (RFC 2113) before an IGMP payload.
    package static func packet(
        payload: [UInt8], from source: IPv4Address, to destination: IPv4Address
    ) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: headerLength + payload.count)
        writer.write(UInt8(0x46))
        writer.write(UInt8(0xC0))
        writer.write(UInt16(truncatingIfNeeded: headerLength + payload.count))
        writer.writeZeros(4)
        writer.write(UInt8(1))
        writer.write(UInt8(2))
        writer.writeZeros(2)
        writer.write(source)
        writer.write(destination)
        writer.write(UInt32(0x9404_0000))
        writer.patch(internetChecksum(writer.bytes), at: 10)
        writer.write(contentsOf: payload)
        return writer.bytes
    }
}
