import MulticastRouting
import Netlink
import Wire

/// The links and addresses of this host put together, as the engine wants to hear of them: only what differs from what
/// it has heard.
struct LinkDirectory {
    fileprivate var links: [InterfaceIndex: NetworkLink] = [:]
    fileprivate var addresses: [InterfaceIndex: [Netlink.InterfaceAddress]] = [:]
    private var told: [InterfaceIndex: InterfaceState] = [:]

    func name(of index: InterfaceIndex) -> String? { links[index]?.name }

    /// Every link, in the order of their numbers.
    var states: [InterfaceState] { links.keys.sorted().compactMap(state) }

    mutating func set(_ link: NetworkLink) { links[link.index] = link }

    mutating func set(_ address: Netlink.InterfaceAddress) {
        var present = addresses[address.interface] ?? []
        present.removeAll { $0.address == address.address }
        // The primary address of a subnet is heard of before its secondary ones, after a dump and after a change.
        present.append(address)
        addresses[address.interface] = present.filter { !$0.isSecondary } + present.filter(\.isSecondary)
    }

    mutating func remove(_ address: Netlink.InterfaceAddress) {
        addresses[address.interface]?.removeAll { $0.address == address.address }
    }

    mutating func remove(_ index: InterfaceIndex) {
        links[index] = nil
        addresses[index] = nil
    }

    /// Replaces everything by a dump.
    mutating func replace(links: [NetworkLink], addresses: [Netlink.InterfaceAddress]) {
        self.links = [:]
        self.addresses = [:]
        for link in links { set(link) }
        for address in addresses { set(address) }
    }

    /// What the engine has not heard of yet, in the order of the interfaces; removals first.
    mutating func takeChanges() -> [RouterInput] {
        var inputs: [RouterInput] = []
        for index in told.keys.sorted() where links[index] == nil {
            told[index] = nil
            inputs.append(.interfaceRemoved(index))
        }
        for state in states where told[state.index] != state {
            told[state.index] = state
            inputs.append(.interfaceChanged(state))
        }
        return inputs
    }

    private func state(_ index: InterfaceIndex) -> InterfaceState? {
        guard let link = links[index] else { return nil }
        return InterfaceState(
            index: index, name: link.name, isUp: link.isUp && link.isRunning,
            addresses: (addresses[index] ?? []).compactMap {
                MulticastRouting.InterfaceAddress($0.address, prefixLength: $0.prefixLength)
            },
            bridge: link.controller, mtu: link.mtu)
    }
}

extension LinkDirectory {
    func index(named name: String) -> InterfaceIndex? {
        links.values.filter { $0.name == name }.map(\.index).min()
    }

    /// What IGMP and PIM send from: the first address that a neighbour can know us by.
    func primaryAddress(of index: InterfaceIndex) -> IPv4Address? {
        addresses[index]?.lazy.compactMap(\.address.v4).first { $0.isUsableUnicast }
    }
}
