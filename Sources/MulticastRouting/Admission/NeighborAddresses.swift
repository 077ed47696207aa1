import Wire

/// The link-layer addresses of hosts, as far as admission needed them: a bounded copy of the kernel's neighbour table.
struct NeighborAddresses: Sendable {
    struct Key: Hashable, Sendable {
        var interface: InterfaceIndex
        var address: IPAddress
    }

    enum Entry: Sendable, Equatable {
        case asked
        /// Nil when the kernel has none.
        case known(MACAddress?)
    }

    let limit: Int
    private var entries: [Key: Entry] = [:]
    /// In the order in which they were asked for: the oldest makes room.
    private var order: [Key] = []

    init(limit: Int) {
        self.limit = limit
    }

    func mac(_ interface: InterfaceIndex, _ address: IPAddress) -> MACAddress? {
        if case .known(let mac) = entries[Key(interface: interface, address: address)] { return mac }
        return nil
    }

    /// Whether the kernel must be asked: notes that it is.
    mutating func needsAsking(_ interface: InterfaceIndex, _ address: IPAddress) -> Bool {
        let key = Key(interface: interface, address: address)
        switch entries[key] {
        case .asked, .known(.some): return false
        case .known(.none): break
        case nil:
            if order.count >= limit { entries[order.removeFirst()] = nil }
            order.append(key)
        }
        entries[key] = .asked
        return true
    }

    /// Whether that changed what is known of a host somebody asked for.
    mutating func set(_ interface: InterfaceIndex, _ address: IPAddress, _ mac: MACAddress?) -> Bool {
        let key = Key(interface: interface, address: address)
        guard let old = entries[key], old != .known(mac) else { return false }
        entries[key] = .known(mac)
        // "None" as the first answer is what was assumed already.
        return old != .asked || mac != nil
    }

    mutating func forget(_ interface: InterfaceIndex) {
        order.removeAll { $0.interface == interface }
        entries = entries.filter { $0.key.interface != interface }
    }
}
