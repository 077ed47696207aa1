import Wire

/// One interface that speaks PIM: who we are on it, who else is there, what was counted.
struct PIMInterface: Sendable {
    let index: InterfaceIndex
    let address: IPv4Address
    var subnets: [IPPrefix]
    var configuration: PIMConfiguration
    /// New whenever our state on this interface starts from nothing.
    let generationID: UInt32
    var neighbors: NeighborTable
    var counters = PIMCounters()
    /// A neighbour that does not know us would drop our Join/Prune, so a Hello must go first (RFC 7761 §4.3.1).
    var owesHello = true
    /// Downstream entries, held against `maxEntries`.
    var entryCount = 0

    init(
        index: InterfaceIndex, address: IPv4Address, subnets: [IPPrefix], configuration: PIMConfiguration,
        generationID: UInt32
    ) {
        self.index = index
        self.address = address
        self.subnets = subnets
        self.configuration = configuration
        self.generationID = generationID
        neighbors = NeighborTable(interface: index)
    }

    func hello(holdtime: UInt16) -> Hello {
        var hello = Hello()
        hello.holdtime = holdtime
        hello.lanPruneDelay = LANPruneDelay(
            canDisableJoinSuppression: configuration.canDisableJoinSuppression,
            propagationDelay: configuration.propagationDelay.millisecondsField,
            overrideInterval: configuration.overrideInterval.millisecondsField)
        hello.drPriority = configuration.drPriority
        hello.generationID = generationID
        return hello
    }

    var designatedRouter: IPAddress {
        neighbors.designatedRouter(own: .v4(address), priority: configuration.drPriority)
    }

    /// Whether `sender` may be a neighbour here at all.
    func checkSender(_ sender: IPv4Address) throws(PIMError) {
        guard sender.isUsableUnicast else { throw .unusableSender }
        guard subnets.contains(where: { $0.contains(.v4(sender)) }) else { throw .offSubnet }
        let trusted = configuration.trustedNeighbors
        guard trusted.isEmpty || trusted.contains(where: { $0.contains(.v4(sender)) }) else {
            throw .neighborNotAllowed
        }
    }
}
