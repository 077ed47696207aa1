import Wire

/// An Assert (RFC 7761 §4.9.6): a router that forwards (S,G) onto a link says how near the source it is.
package struct Assert: Equatable, Sendable {
    package var group: EncodedGroup
    package var source: IPAddress
    /// The R bit: the assert is for the shared tree.
    package var isSharedTree: Bool
    /// 31 bits.
    package var metricPreference: UInt32
    package var metric: UInt32

    package init(
        group: EncodedGroup, source: IPAddress, isSharedTree: Bool = false, metricPreference: UInt32, metric: UInt32
    ) {
        self.group = group
        self.source = source
        self.isSharedTree = isSharedTree
        self.metricPreference = metricPreference & 0x7FFF_FFFF
        self.metric = metric
    }

    init(body: RawSpan, family: AddressFamily) throws(PIMError) {
        var reader = PIMReader(body)
        let group = try reader.encodedGroup(family)
        let source = try reader.encodedUnicast(family)
        let preference = try reader.uint32()
        self.init(
            group: group, source: source, isSharedTree: preference >> 31 == 1, metricPreference: preference,
            metric: try reader.uint32())
    }

    func write(to writer: inout WireWriter) {
        writer.write(group)
        writer.write(encodedUnicast: source)
        writer.write((isSharedTree ? 0x8000_0000 : 0) | metricPreference)
        writer.write(metric)
    }
}
