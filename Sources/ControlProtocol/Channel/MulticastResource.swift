import Wire

/// How the renditions of a channel share groups.
package enum ResourceLayout: String, Codable, Hashable, Sendable, CaseIterable {
    /// Each rendition has a group of its own, so a viewer's line carries one rendition.
    case groupPerRendition = "group-per-rendition"
    /// One group, a port stride per rendition.
    case groupPerChannel = "group-per-channel"
}

/// How a group is named on the wire.
package enum AddressingMode: String, Codable, Hashable, Sendable, CaseIterable {
    /// Hosts join (S,G).
    case sourceSpecific = "source-specific"
    /// Hosts join (*,G); the channel map gives replication points the source.
    case anySource = "any-source"
}

/// Where one rendition is sent. Ports follow from the even base port: media, +1 RTCP, +2 column FEC, +4 row FEC,
/// +6 retransmission; the next rendition of a shared group starts 10 higher.
package struct RenditionResource: Codable, Hashable, Sendable {
    package static let portStride: UInt16 = 10

    package var rendition: String
    package var source: IPAddress
    package var group: IPAddress
    package var port: UInt16
    /// Absent where no repair packets are sent.
    package var fec: ForwardErrorCorrection?

    package init(
        rendition: String, source: IPAddress, group: IPAddress, port: UInt16, fec: ForwardErrorCorrection? = nil
    ) {
        self.fec = fec
        self.rendition = rendition
        self.source = source
        self.group = group
        self.port = port
    }

    package var tree: SourceGroup { SourceGroup(source: source, group: group) }
    package var controlPort: UInt16 { port &+ 1 }
    package var columnRepairPort: UInt16 { port &+ 2 }
    package var rowRepairPort: UInt16 { port &+ 4 }
    package var retransmissionPort: UInt16 { port &+ 6 }
    /// Ports on which repair packets are sent.
    package var repairPorts: [UInt16] {
        guard let fec else { return [] }
        return fec.matrix.isTwoDimensional ? [columnRepairPort, rowRepairPort] : [columnRepairPort]
    }
}

/// What the proxy allocated to a channel.
package struct MulticastResource: Codable, Hashable, Sendable {
    package var channel: ChannelKey
    /// Never repeats for a proxy, restarts included, so that no old authorization opens another channel that was given
    /// the same group later.
    package var generation: UInt64
    package var layout: ResourceLayout
    package var addressing: AddressingMode
    package var renditions: [RenditionResource]

    package init(
        channel: ChannelKey, generation: UInt64, layout: ResourceLayout, addressing: AddressingMode,
        renditions: [RenditionResource]
    ) {
        self.channel = channel
        self.generation = generation
        self.layout = layout
        self.addressing = addressing
        self.renditions = renditions
    }

    /// The distinct (S,G) of all renditions, sorted.
    package var trees: [SourceGroup] { Set(renditions.map(\.tree)).sorted() }
}
