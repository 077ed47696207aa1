import ControlProtocol
import Glibc
import KernelMulticast
import LinuxIO
import MRPConfiguration
import MulticastRouting
import Netlink
import Wire

extension RouterShell {
    // MARK: Links, addresses, routes

    func note(_ event: NetworkEvent) {
        switch event {
        case .linkSet(let link): links.set(link)
        case .linkRemoved(let index): links.remove(index)
        case .addressSet(let address): links.set(address)
        case .addressRemoved(let address): links.remove(address)
        case .routesChanged: return take(.routesChanged)
        case .resync:
            counters.resynchronizations &+= 1
            return readNetwork()
        }
        tellLinkChanges()
    }

    /// Reads all links and addresses; the engine hears of what differs.
    func readNetwork() {
        do throws(SystemError) {
            links.replace(links: try network.links(), addresses: try network.addresses())
        } catch {
            counters.lookupFailures &+= 1
            return log.write(.warning, "network-unreadable", "\(error)")
        }
        tellLinkChanges()
        take(.routesChanged)
    }

    private func tellLinkChanges() {
        let changes = links.takeChanges()
        for case .interfaceRemoved(let index) in changes { memberships.leaveAll(on: index) }
        for change in changes { take(change) }
        if !changes.isEmpty { joinRouterGroups() }
    }

    /// The kernel hands over reports and joins only on interfaces whose router groups this host has joined.
    func joinRouterGroups() {
        for interface in configuration.interfaces {
            guard let index = links.index(named: interface.name) else { continue }
            do throws(SystemError) {
                try memberships.set(igmp: interface.igmp != nil, pim: interface.pim != nil, on: index)
            } catch {
                log.write(.warning, "group-not-joined", "\(interface.name): \(error)")
            }
        }
    }

    /// Makes the interfaces that a live proxy on this host sends from.
    func makeSourceInterfaces() {
        for interface in configuration.interfaces {
            guard let source = interface.source else { continue }
            do throws(SystemError) {
                _ = try network.ensureSourceInterface(
                    named: interface.name, peerName: Self.peerName(of: interface.name), address: source.address,
                    prefixLength: source.prefixLength)
            } catch {
                log.write(.warning, "source-interface-failed", "\(interface.name): \(error)")
            }
        }
    }

    /// Makes the interface by which trees reach the unicast viewers of this host, or uses the one that is there.
    func makeDeliveryInterface() {
        guard let (name, delivery) = configuration.delivery else { return }
        do throws(SystemError) {
            try network.ensureDeliveryInterface(
                named: name, peerName: Self.peerName(of: name), address: delivery.address,
                prefixLength: delivery.prefixLength)
        } catch {
            log.write(.warning, "delivery-interface-failed", "\(name): \(error)")
        }
    }

    /// A new packet socket on the far end of the delivery interface, and the interface's name.
    func openDelivery() throws(Problem) -> (interface: String, descriptor: SharedDescriptor) {
        guard let (name, _) = configuration.delivery else {
            throw Problem(
                code: "no-delivery-interface", status: 409, title: "The router has no delivery interface.",
                detail: "Give one of router.interfaces a \"delivery\" address.")
        }
        do throws(SystemError) {
            guard let peer = try network.link(named: Self.peerName(of: name)) else {
                throw SystemError(call: "RTM_GETLINK", errno: ENODEV)
            }
            return (name, SharedDescriptor(try DeliverySocket.open(on: peer.index)))
        } catch {
            log.write(.warning, "delivery-failed", "\(name): \(error)")
            throw Problem(
                code: "delivery-failed", status: 500, title: "The far end of \(name) could not be opened.",
                detail: "\(error). See the router's log.")
        }
    }

    /// The other end of a pair that the router made.
    private static func peerName(of name: String) -> String {
        name.prefix(NetworkConfiguration.nameLengthLimit - 2) + "-p"
    }

    func addVirtualInterface(_ index: InterfaceIndex) {
        let isSource = configuration.interfaces.contains { $0.source != nil && $0.name == links.name(of: index) }
        let problem = plane.addVirtualInterface(for: index, use: isSource ? .inputOnly : .inputAndOutput)
        take(.virtualInterfaceAdded(index, problem: problem))
    }

    func resolveRoute(_ source: IPAddress) {
        var route: RPFRoute?
        do throws(SystemError) {
            route = try lookup.path(to: source).map {
                RPFRoute(interface: $0.interface, neighbor: $0.gateway, isLocal: $0.isLocal)
            }
        } catch {
            counters.lookupFailures &+= 1
        }
        take(.routeResolved(source: source, route))
    }

    func resolveNeighbor(_ address: IPAddress, on interface: InterfaceIndex) {
        var hardwareAddress: MACAddress?
        do throws(SystemError) {
            hardwareAddress = try lookup.hardwareAddress(of: address, on: interface)
        } catch {
            counters.lookupFailures &+= 1
        }
        take(.neighborResolved(interface, address, hardwareAddress))
    }

    // MARK: Forwarding entries

    func note(_ event: ForwardingCacheEvent) {
        switch event {
        case .set(let entry) where entry.table == plane.table && !entry.isUnresolved:
            take(.kernelChanged(entry.tree, entry.kernelEntry))
        case .removed(let entry) where entry.table == plane.table && !entry.isUnresolved:
            take(.kernelChanged(entry.tree, nil))
        case .set, .removed, .upcall: break
        case .resync:
            counters.resynchronizations &+= 1
            readTable()
        }
    }
}
