import Wire

/// One rendition's multicast as SDP (RFC 4566), with the source it is to be taken from alone (RFC 4570).
package struct SessionDescription: Hashable, Sendable {
    /// The connection line of an IPv4 group must give a TTL (RFC 4566 §5.7); receivers do not use it.
    private static let ttl = 255
    /// MP2T (RFC 3551 §6).
    private static let payloadType = 33

    /// DVB's base layer is SMPTE ST 2022-1 (ETSI TS 102 034 annex E); what RFC 6015 describes has another layout.
    private static let repairFormat = "vnd.dvb.iptv.alfec-base"
    private static let repairPayloadType = 96

    /// What it announces.
    package enum Form: String, Sendable, CaseIterable {
        /// The media alone, for receivers that choke on more.
        case plain
        /// Repair packets too (RFC 5956).
        case full
    }

    package let text: String

    /// Nil when the resource has no such rendition.
    package init?(
        resource: MulticastResource, description: MediaDescription, rendition name: String, form: Form = .plain
    ) {
        guard let rendition = resource.renditions.first(where: { $0.rendition == name }) else { return nil }
        let family = rendition.group.v6 == nil ? "IP4" : "IP6"
        let group = rendition.group.v6 == nil ? "\(rendition.group)/\(Self.ttl)" : "\(rendition.group)"
        let title = description.title.filter { !$0.isNewline }
        var lines = [
            "v=0", "o=- \(resource.generation) 1 IN \(family) \(rendition.source)",
            "s=\(title.isEmpty ? name : title)", "t=0 0",
        ]
        if resource.addressing == .sourceSpecific {
            lines.append("a=source-filter: incl IN \(family) \(rendition.group) \(rendition.source)")
        }
        let repairPorts = form == .full ? rendition.repairPorts : []
        if !repairPorts.isEmpty {
            lines.append("a=group:FEC-FR " + (["media"] + Self.names(repairPorts)).joined(separator: " "))
        }
        lines += ["m=video \(rendition.port) RTP/AVP \(Self.payloadType)", "c=IN \(family) \(group)"]
        if let bandwidth = description.renditions.first(where: { $0.name == name })?.bandwidth {
            lines.append("b=AS:\((bandwidth + 999) / 1_000)")
        }
        lines.append("a=rtpmap:\(Self.payloadType) MP2T/90000")
        if !repairPorts.isEmpty { lines.append("a=mid:media") }
        for (port, mid) in zip(repairPorts, Self.names(repairPorts)) {
            lines += [
                "m=application \(port) RTP/AVP \(Self.repairPayloadType)", "c=IN \(family) \(group)",
                "a=rtpmap:\(Self.repairPayloadType) \(Self.repairFormat)/90000", "a=mid:\(mid)",
            ]
        }
        text = lines.map { $0 + "\r\n" }.joined()
    }

    private static func names(_ repairPorts: [UInt16]) -> ArraySlice<String> {
        ["columns", "rows"].prefix(repairPorts.count)
    }
}
