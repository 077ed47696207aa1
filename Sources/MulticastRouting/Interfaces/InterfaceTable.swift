import Wire

/// The links of this host, and which of them are routed on, found by the names that are configured.
struct InterfaceTable: Sendable {
    private(set) var links: [InterfaceIndex: InterfaceState] = [:]
    /// The link of each of this host's own addresses; every tree asks about its source.
    private var ownAddresses: [IPAddress: InterfaceIndex] = [:]
    /// Configured interfaces that exist.
    var routed: [InterfaceIndex: RoutedInterface] = [:]
    /// Interfaces that are no longer routed on, but whose numbers installed entries may still name.
    private(set) var retiring: Set<InterfaceIndex> = []

    /// Sorted.
    var routedIndices: [InterfaceIndex] { routed.keys.sorted() }

    /// Where trees with unicast members are copied to, while it exists.
    var delivery: InterfaceIndex? { routed.values.first { $0.configuration.isDelivery }?.index }

    func canForward(_ index: InterfaceIndex) -> Bool { routed[index]?.canForward == true }

    /// Up and able to forward.
    func isUsable(_ index: InterfaceIndex) -> Bool { canForward(index) && links[index]?.isUp == true }

    func name(of index: InterfaceIndex) -> String { links[index]?.name ?? index.description }

    func index(named name: String) -> InterfaceIndex? {
        links.values.filter { $0.name == name }.map(\.index).min()
    }

    /// Whether `address` is this host's own, and on which link.
    func owner(of address: IPAddress) -> InterfaceIndex? { ownAddresses[address] }

    mutating func set(_ link: InterfaceState) {
        let addressesBefore = links[link.index]?.addresses
        links[link.index] = link
        if addressesBefore != link.addresses { indexAddresses() }
    }

    mutating func remove(_ index: InterfaceIndex) {
        links[index] = nil
        indexAddresses()
    }

    /// Of two links with one address the first has it.
    private mutating func indexAddresses() {
        ownAddresses = [:]
        for index in links.keys.sorted() {
            for own in links[index]?.addresses ?? [] where ownAddresses[own.address] == nil {
                ownAddresses[own.address] = index
            }
        }
    }

    /// The interface's virtual interface is to go as soon as no entry names it.
    mutating func retire(_ index: InterfaceIndex) { retiring.insert(index) }

    mutating func endRetirement(of index: InterfaceIndex) { retiring.remove(index) }

    /// How many virtual interfaces are taken or asked for, quarantined numbers included.
    var virtualInterfaceCount: Int {
        retiring.count
            + routed.values.count { $0.virtualInterface == .ready || $0.virtualInterface == .requested }
    }
}
