import GroupMembership
import MRPConfiguration
import MulticastRouting
import PIM

extension RoutingConfiguration {
    /// What the file says, in the cores' terms; throws where a core's own bounds are narrower than the file's.
    init(_ file: RouterConfiguration) throws(MembershipConfigurationError) {
        var interfaces: [RoutedInterfaceConfiguration] = []
        for interface in file.interfaces {
            interfaces.append(try RoutedInterfaceConfiguration(interface, limits: file.limits))
        }
        self.init(interfaces: interfaces)
        trustedDownstream = file.trustedDownstreamRouters
        limits.itemsPerOwner =
            file.limits.authorizations + file.limits.sourceMappings + file.limits.localTrees
            + file.limits.unicastMembers
        limits.unicastMembers = file.limits.unicastMembers
        limits.trees = file.limits.forwardingEntries
        limits.refusedMembershipsPerInterface = file.limits.refusedMembershipsPerInterface
        limits.blockedStreams = file.limits.unresolvedEntries
    }
}

extension RoutedInterfaceConfiguration {
    fileprivate init(_ file: RouterInterface, limits: RouterLimits) throws(MembershipConfigurationError) {
        self.init(name: file.name, isDelivery: file.delivery != nil)
        if let igmp = file.igmp {
            let membership = MembershipConfiguration(igmp, limits: limits)
            try membership.validate()
            self.igmp = membership
        }
        pim = file.pim.map { PIM.PIMConfiguration($0, limits: limits) }
        switch file.admission {
        case .authorized: admission = .authorized
        case .open: admission = .open
        }
    }
}

extension MembershipConfiguration {
    fileprivate init(_ file: IGMPConfiguration, limits: RouterLimits) {
        self.init()
        switch file.version {
        case 1: version = .v1
        case 2: version = .v2
        default: version = .v3
        }
        robustnessVariable = file.robustnessVariable
        queryInterval = file.queryInterval
        queryMaxResponseTime = file.queryMaxResponseTime
        lastMemberQueryInterval = file.lastMemberQueryInterval
        immediateLeave = file.immediateLeave
        requireRouterAlert = file.requireRouterAlert
        verifySourceSubnet = file.verifySourceSubnet
        defaultPort = MembershipPortConfiguration(singleHost: file.singleHost, queryGuard: file.queryGuard)
        self.limits.maxGroups = min(file.maxGroups, limits.groupsPerInterface)
        self.limits.maxGroupSources = file.maxGroupSources
        self.limits.maxHostsPerGroup = limits.hostsPerGroup
    }
}

extension PIM.PIMConfiguration {
    fileprivate init(_ file: MRPConfiguration.PIMConfiguration, limits: RouterLimits) {
        self.init()
        helloInterval = file.helloInterval
        helloHoldtime = file.helloHoldtime
        triggeredHelloDelay = file.triggeredHelloDelay
        drPriority = file.drPriority
        joinPruneInterval = file.joinPruneInterval
        propagationDelay = file.propagationDelay
        overrideInterval = file.overrideInterval
        trustedNeighbors = file.neighbors
        maxNeighbors = limits.neighborsPerInterface
        maxEntries = limits.forwardingEntries
    }
}
