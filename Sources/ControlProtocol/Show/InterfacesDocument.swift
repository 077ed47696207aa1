import Wire

/// `show interfaces`: every configured interface, present or not.
package struct InterfacesDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.interfaces/1"

    package var schema = InterfacesDocument.schemaName
    /// Sorted by name.
    package var interfaces: [InterfaceEntry]

    package init(interfaces: [InterfaceEntry]) {
        self.interfaces = interfaces
    }
}

package struct InterfaceEntry: Codable, Hashable, Sendable {
    package var name: String
    /// The kernel's number; nil while the interface does not exist.
    package var index: UInt32?
    /// `up`, `down` or `absent`.
    package var operStatus: String
    package var addresses: [IPAddress]
    /// Which protocols run on it: `igmp`, `pim`.
    package var protocols: [String]
    /// `authorized`, or `open` where anybody is admitted.
    package var admission: String?
    /// The kernel's virtual interface number, while one is in use.
    package var vif: Int?
    /// Why it has no virtual interface though one is wanted.
    package var problem: String?
    /// IGMP: who queries; the router itself where this is one of `addresses`.
    package var querier: IPAddress?
    package var isQuerier: Bool?
    /// PIM: the designated router.
    package var designatedRouter: IPAddress?
    package var neighbors: Int
    package var groups: Int
    package var hosts: Int
    package var counters: [NamedCount]

    package init(
        name: String, index: UInt32?, operStatus: String, addresses: [IPAddress], protocols: [String],
        admission: String?, vif: Int?, problem: String?, querier: IPAddress?, isQuerier: Bool?,
        designatedRouter: IPAddress?, neighbors: Int, groups: Int, hosts: Int, counters: [NamedCount]
    ) {
        self.name = name
        self.index = index
        self.operStatus = operStatus
        self.addresses = addresses
        self.protocols = protocols
        self.admission = admission
        self.vif = vif
        self.problem = problem
        self.querier = querier
        self.isQuerier = isQuerier
        self.designatedRouter = designatedRouter
        self.neighbors = neighbors
        self.groups = groups
        self.hosts = hosts
        self.counters = counters
    }
}

/// A counter and its kebab-case name; a list of them, because JSON object keys are for names known beforehand.
package struct NamedCount: Codable, Hashable, Sendable {
    package var name: String
    package var count: UInt64

    package init(name: String, count: UInt64) {
        self.name = name
        self.count = count
    }
}

/// `show counters`: the router's own, then each interface's.
package struct CountersDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.counters/1"

    package var schema = CountersDocument.schemaName
    package var router: [NamedCount]
    package var interfaces: [InterfaceCounters]

    package init(router: [NamedCount], interfaces: [InterfaceCounters]) {
        self.router = router
        self.interfaces = interfaces
    }
}

package struct InterfaceCounters: Codable, Hashable, Sendable {
    package var name: String
    package var counters: [NamedCount]

    package init(name: String, counters: [NamedCount]) {
        self.name = name
        self.counters = counters
    }
}
