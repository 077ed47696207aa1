import Clockwork
import GroupMembership
import PIM
import Wire

extension RouterEngine {
    /// Between two attempts to give an interface its virtual interface.
    private static let vifRetry = Duration.seconds(5)

    // MARK: Links

    mutating func change(_ link: InterfaceState, at time: RouterTime, into actions: inout [RouterAction]) {
        let old = interfaces.links[link.index]
        guard old != link else { return }
        interfaces.set(link)
        if let old, let bridge = old.bridge, bridge != link.bridge || (old.isUp && !link.isUp) {
            forgetBridgePort(link.index, of: bridge, at: time, into: &actions)
        }
        routeConfiguredInterfaces(at: time, into: &actions)
        refresh(link.index, at: time, into: &actions)
        // A binding may name the bridge port, the new address may be a source's, a route may use the link.
        if let bridge = link.bridge, old?.name != link.name { judgeAll(on: bridge, at: time, into: &actions) }
        if old?.addresses != link.addresses || old?.isUp != link.isUp { dirtyTrees.formUnion(trees.keys) }
    }

    mutating func removeLink(_ index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]) {
        guard let link = interfaces.links[index] else { return }
        if let bridge = link.bridge { forgetBridgePort(index, of: bridge, at: time, into: &actions) }
        stopRouting(on: index, at: time, into: &actions)
        interfaces.remove(index)
        admission.neighbors.forget(index)
        pim.forgetCounters(of: index)
        dirtyTrees.formUnion(trees.keys)
    }

    private mutating func forgetBridgePort(
        _ port: InterfaceIndex, of bridge: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        var out: [MembershipAction] = []
        interfaces.routed[bridge]?.membership?.remove(bridgePort: port, into: &out)
        perform(out, on: bridge, at: time, into: &actions)
    }

    // MARK: Configured names

    mutating func reconfigure(
        _ new: RoutingConfiguration, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        configuration = new
        admission.trustedDownstream = new.trustedDownstream
        routeConfiguredInterfaces(at: time, into: &actions)
        for index in interfaces.routedIndices { refresh(index, at: time, into: &actions) }
        for group in members.allGroups { judge(group, at: time, into: &actions) }
        admission.unicastMembers.reconsiderAll()
        judgeUnicastMembers(at: time, into: &actions)
        dirtyTrees.formUnion(trees.keys)
    }

    /// Matches the configured names with the links that are there, after a rename, a new link or a new configuration.
    private mutating func routeConfiguredInterfaces(at time: RouterTime, into actions: inout [RouterAction]) {
        var wanted: [InterfaceIndex: RoutedInterfaceConfiguration] = [:]
        for configured in configuration.interfaces {
            if let index = interfaces.index(named: configured.name) { wanted[index] = configured }
        }
        for index in interfaces.routedIndices {
            guard let present = interfaces.routed[index], wanted[index]?.name != present.configuration.name else {
                continue
            }
            stopRouting(on: index, at: time, into: &actions)
        }
        for index in wanted.keys.sorted() {
            guard let configured = wanted[index] else { continue }
            if interfaces.routed[index] == nil {
                interfaces.routed[index] = RoutedInterface(index: index, configuration: configured)
                wantsVirtualInterfaces = true
                refresh(index, at: time, into: &actions)
            } else {
                interfaces.routed[index]?.configuration = configured
            }
        }
    }

    private mutating func stopRouting(
        on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard let interface = interfaces.routed[index] else { return }
        stopProtocols(on: index, at: time, into: &actions)
        interfaces.routed[index] = nil
        vifRetries.cancel(index)
        plan.unblockAll(on: index)
        if interface.virtualInterface == .ready || interface.virtualInterface == .requested {
            interfaces.retire(index)
        }
        dirtyTrees.formUnion(trees.keys)
    }

    // MARK: Protocols

    /// Starts, adjusts or stops IGMP and PIM to what the link and the configuration say.
    private mutating func refresh(
        _ index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard let interface = interfaces.routed[index], let link = interfaces.links[index] else { return }
        guard link.isUp, let address = link.primaryAddress else {
            stopProtocols(on: index, at: time, into: &actions)
            return
        }
        if !interface.isRunning {
            interfaces.routed[index]?.isRunning = true
            actions.append(.event(.interfaceUp(index)))
        }
        refreshMembership(interface, link, address, at: time, into: &actions)
        refreshPIM(interface, link, address, at: time, into: &actions)
    }

    private mutating func refreshMembership(
        _ interface: RoutedInterface, _ link: InterfaceState, _ address: IPv4Address, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        let index = link.index
        guard var igmp = interface.configuration.igmp else {
            stopMembership(on: index, at: time, into: &actions)
            return
        }
        igmp.mtu = min(igmp.mtu, max(link.mtu, 68))
        if interface.membership == nil {
            interfaces.routed[index]?.membership = MembershipInterface(
                interface: index, address: address, subnets: link.subnets, configuration: igmp,
                seed: seed ^ UInt64(index.rawValue) &* 0x9E37_79B9_7F4A_7C15)
        } else {
            interfaces.routed[index]?.membership?.update(address: address, subnets: link.subnets)
            if interface.membership?.configuration != igmp {
                interfaces.routed[index]?.membership?.reconfigure(igmp, now: time.now)
            }
        }
        var out: [MembershipAction] = []
        interfaces.routed[index]?.membership?.start(now: time.now, into: &out)
        perform(out, on: index, at: time, into: &actions)
    }

    private mutating func refreshPIM(
        _ interface: RoutedInterface, _ link: InterfaceState, _ address: IPv4Address, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        var out: [PIMAction] = []
        if var configured = interface.configuration.pim {
            configured.mtu = min(configured.mtu, max(link.mtu, 576))
            pim.addInterface(
                link.index, address: address, subnets: link.subnets, configuration: configured, now: time.now,
                into: &out)
        } else {
            pim.removeInterface(link.index, now: time.now, into: &out)
        }
        perform(out, at: time, into: &actions)
    }

    private mutating func stopProtocols(
        on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard interfaces.routed[index]?.isRunning == true else { return }
        interfaces.routed[index]?.isRunning = false
        stopMembership(on: index, at: time, into: &actions)
        var out: [PIMAction] = []
        pim.removeInterface(index, now: time.now, into: &out)
        perform(out, at: time, into: &actions)
        endAdoptions(on: index)
        actions.append(.event(.interfaceDown(index)))
    }

    private mutating func stopMembership(
        on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        var out: [MembershipAction] = []
        interfaces.routed[index]?.membership?.stop(now: time.now, into: &out)
        perform(out, on: index, at: time, into: &actions)
    }

    // MARK: Virtual interfaces

    /// Asks for a virtual interface for every routed interface, in the order of the configuration, as many as there are.
    /// None is asked for before entries that were found at the start are written anew: bits in them that nobody can see
    /// would open the stream to whoever gets the number.
    mutating func addVirtualInterfaces(at time: RouterTime, into actions: inout [RouterAction]) {
        guard wantsVirtualInterfaces, !plan.hasUnverified else { return }
        wantsVirtualInterfaces = false
        for configured in configuration.interfaces {
            guard let index = interfaces.index(named: configured.name), !interfaces.retiring.contains(index),
                interfaces.routed[index]?.virtualInterface == .absent
            else { continue }
            if interfaces.virtualInterfaceCount < RoutingLimits.virtualInterfaces {
                interfaces.routed[index]?.virtualInterface = .requested
                actions.append(.addVIF(index))
            } else {
                counters.virtualInterfaceLimit &+= 1
                fail(index, RoutedInterface.tooManyInterfaces, at: time, into: &actions)
            }
        }
    }

    mutating func noteVirtualInterface(
        _ index: InterfaceIndex, problem: String?, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard interfaces.routed[index]?.virtualInterface == .requested else { return }
        guard let problem else {
            interfaces.routed[index]?.virtualInterface = .ready
            dirtyTrees.formUnion(trees.keys)
            return
        }
        fail(index, problem, at: time, into: &actions)
    }

    private mutating func fail(
        _ index: InterfaceIndex, _ problem: String, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        interfaces.routed[index]?.virtualInterface = .failed(problem)
        vifRetries.set(index, at: time.now + Self.vifRetry)
        actions.append(.event(.interfaceProblem(index, problem: problem)))
    }

    /// Numbers of interfaces that no entry names any more may be used again.
    mutating func releaseVirtualInterfaces(into actions: inout [RouterAction]) {
        for index in interfaces.retiring.sorted() where !plan.mayName(index) {
            interfaces.endRetirement(of: index)
            // The number may be for one that found none, or for the same interface again.
            wantsVirtualInterfaces = true
            actions.append(.removeVIF(index))
        }
    }
}
