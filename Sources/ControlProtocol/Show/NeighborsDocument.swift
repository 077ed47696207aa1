import Wire

/// `show neighbors`: the PIM neighbours. Leaf names follow RFC 9128.
package struct NeighborsDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.neighbors/1"

    package var schema = NeighborsDocument.schemaName
    /// Sorted by interface name, then address.
    package var neighbors: [NeighborEntry]

    package init(neighbors: [NeighborEntry]) {
        self.neighbors = neighbors
    }
}

package struct NeighborEntry: Codable, Hashable, Sendable {
    package var interface: String
    package var address: IPAddress
    package var secondaryAddresses: [IPAddress]
    /// Seconds; no `expiration` for a neighbour that never times out.
    package var upTime: Double
    package var expiration: Double?
    package var drPriority: UInt32?
    package var genId: UInt32?
    package var isDesignatedRouter: Bool

    package init(
        interface: String, address: IPAddress, secondaryAddresses: [IPAddress], upTime: Double, expiration: Double?,
        drPriority: UInt32?, genId: UInt32?, isDesignatedRouter: Bool
    ) {
        self.interface = interface
        self.address = address
        self.secondaryAddresses = secondaryAddresses
        self.upTime = upTime
        self.expiration = expiration
        self.drPriority = drPriority
        self.genId = genId
        self.isDesignatedRouter = isDesignatedRouter
    }
}
