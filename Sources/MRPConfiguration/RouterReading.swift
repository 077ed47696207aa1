import Clockwork
import Wire

extension RouterConfiguration {
    init?(reading section: inout SectionReader) {
        controlSocket = section.value("control-socket", .socketPath, default: Self.defaultControlSocket)
        keeperSocket = section.optional("keeper-socket", .socketPath)
        table = section.value("table", .integer(0...999_999_999), default: 0)
        interfaces = section.namedSections("interfaces", atMost: Self.maximumInterfaces) { name, section in
            RouterInterface(name: name, reading: &section)
        }
        trustedDownstreamRouters = section.list("trusted-downstream-routers", .written, atMost: 256)
        limits = section.section("limits") { RouterLimits(reading: &$0) } ?? .standard
        if !section.has("interfaces") {
            section.problem("\"\(section.path).interfaces\" is missing: name at least one interface")
        }
        checkDelivery(section)
    }
}

extension RouterConfiguration {
    /// One packet socket hears every tree, so a second interface could only carry the same packets twice.
    private func checkDelivery(_ section: SectionReader) {
        let delivering = interfaces.filter { $0.delivery != nil }
        guard delivering.count > 1 else { return }
        let names = delivering.map { "\"\($0.name)\"" }.joined(separator: ", ")
        section.problem("only one interface of a router can be its \"delivery\", not \(names)", at: "interfaces")
    }
}

extension RouterLimits {
    package static let standard = RouterLimits(
        groupsPerInterface: 4_096, hostsPerGroup: 1_024, refusedMembershipsPerInterface: 4_096,
        authorizations: 200_000, sourceMappings: 65_536, localTrees: 65_536, unicastMembers: 65_536,
        forwardingEntries: 100_000, unresolvedEntries: 1_024, neighborsPerInterface: 256, controlConnections: 64)

    init(reading section: inout SectionReader) {
        let normal = Self.standard
        func limit(_ key: String, _ fallback: Int) -> Int {
            section.value(key, .integer(1...10_000_000), default: fallback)
        }
        groupsPerInterface = limit("groups-per-interface", normal.groupsPerInterface)
        hostsPerGroup = limit("hosts-per-group", normal.hostsPerGroup)
        refusedMembershipsPerInterface = limit(
            "refused-memberships-per-interface", normal.refusedMembershipsPerInterface)
        authorizations = limit("authorizations", normal.authorizations)
        sourceMappings = limit("source-mappings", normal.sourceMappings)
        localTrees = limit("local-trees", normal.localTrees)
        unicastMembers = limit("unicast-members", normal.unicastMembers)
        forwardingEntries = limit("forwarding-entries", normal.forwardingEntries)
        unresolvedEntries = limit("unresolved-entries", normal.unresolvedEntries)
        neighborsPerInterface = limit("neighbors-per-interface", normal.neighborsPerInterface)
        controlConnections = limit("control-connections", normal.controlConnections)
    }
}

extension RouterInterface {
    init?(name: String, reading section: inout SectionReader) {
        self.name = name
        if !InterfaceName.isValid(name) {
            section.problem("\"\(name)\" is no interface name: 1 to 15 characters without space, colon or slash")
        }
        igmp = section.section("igmp") { IGMPConfiguration(reading: &$0) }
        pim = section.section("pim") { PIMConfiguration(reading: &$0) }
        source = section.optional("source", .written)
        delivery = section.optional("delivery", .written)
        admission = section.value("admission", .choice, default: .authorized)
        checkPurpose(section)
    }
}

extension RouterInterface {
    private func checkPurpose(_ section: SectionReader) {
        let hasNeighbors = section.has("igmp") || section.has("pim")
        let (isSource, isDelivery) = (section.has("source"), section.has("delivery"))
        if !hasNeighbors, !isSource, !isDelivery {
            section.problem(
                "\(section.path) does nothing: give it \"igmp\" (hosts), \"pim\" (routers), \"source\" or \"delivery\"")
        }
        if isSource, hasNeighbors {
            section.problem("\(section.path) is made for the proxy's own packets and can have neither igmp nor pim")
        }
        if isDelivery, hasNeighbors || isSource {
            section.problem(
                "\(section.path) is made for unicast viewers and can have neither igmp, pim nor source", at: "delivery")
        }
    }
}

extension IGMPConfiguration {
    /// RFC 3376 §8's defaults.
    package static let standard = IGMPConfiguration(
        version: 3, queryInterval: .seconds(125), queryMaxResponseTime: .seconds(10), robustnessVariable: 2,
        lastMemberQueryInterval: .seconds(1), immediateLeave: false, singleHost: false, maxGroups: 1_024,
        maxGroupSources: 128, requireRouterAlert: true, verifySourceSubnet: true, queryGuard: true)

    init(reading section: inout SectionReader) {
        let normal = Self.standard
        version = section.value("version", .integer(1...3), default: normal.version)
        queryInterval = section.value(
            "query-interval", .duration(.seconds(1)...(.seconds(31_744))), default: normal.queryInterval)
        queryMaxResponseTime = section.value(
            "query-max-response-time", .duration(.milliseconds(100)...(.milliseconds(3_174_400))),
            default: normal.queryMaxResponseTime)
        robustnessVariable = section.value("robustness-variable", .integer(1...7), default: normal.robustnessVariable)
        lastMemberQueryInterval = section.value(
            "last-member-query-interval", .duration(.milliseconds(100)...(.milliseconds(3_174_400))),
            default: normal.lastMemberQueryInterval)
        immediateLeave = section.value("immediate-leave", .flag, default: normal.immediateLeave)
        singleHost = section.value("single-host", .flag, default: normal.singleHost)
        maxGroups = section.value("max-groups", .integer(1...1_000_000), default: normal.maxGroups)
        maxGroupSources = section.value("max-group-sources", .integer(1...4_096), default: normal.maxGroupSources)
        requireRouterAlert = section.value("require-router-alert", .flag, default: normal.requireRouterAlert)
        verifySourceSubnet = section.value("verify-source-subnet", .flag, default: normal.verifySourceSubnet)
        queryGuard = section.value("query-guard", .flag, default: normal.queryGuard)
        if queryMaxResponseTime >= queryInterval {
            section.problem(
                "\(section.path).query-max-response-time must be shorter than query-interval (RFC 3376 §8.3)",
                at: "query-max-response-time")
        }
    }
}

extension PIMConfiguration {
    /// RFC 7761 §4.11's defaults.
    package static let standard = PIMConfiguration(
        helloInterval: .seconds(30), helloHoldtime: .seconds(105), triggeredHelloDelay: .seconds(5), drPriority: 1,
        joinPruneInterval: .seconds(60), propagationDelay: .milliseconds(500), overrideInterval: .milliseconds(2_500),
        neighbors: [])

    init(reading section: inout SectionReader) {
        let normal = Self.standard
        helloInterval = section.value(
            "hello-interval", .duration(.seconds(1)...(.seconds(18_724))), default: normal.helloInterval)
        let holdtime = section.optional("hello-holdtime", .duration(.seconds(1)...(.seconds(65_534))))
        // RFC 7761 §4.11: three and a half times the interval where nothing else is said.
        helloHoldtime = holdtime ?? min(.milliseconds(helloInterval.milliseconds / 2 * 7), .seconds(65_534))
        triggeredHelloDelay = section.value(
            "triggered-hello-delay", .duration(.zero...(.seconds(60))), default: normal.triggeredHelloDelay)
        drPriority = UInt32(
            clamping: section.value(
                "dr-priority", .integer(0...Int(UInt32.max)), default: Int(normal.drPriority)))
        joinPruneInterval = section.value(
            "join-prune-interval", .duration(.seconds(1)...(.seconds(18_724))), default: normal.joinPruneInterval)
        propagationDelay = section.value(
            "propagation-delay", .duration(.zero...(.milliseconds(32_767))), default: normal.propagationDelay)
        overrideInterval = section.value(
            "override-interval", .duration(.zero...(.milliseconds(65_535))), default: normal.overrideInterval)
        neighbors = section.list("neighbors", .written, atMost: 256)
        if helloHoldtime <= helloInterval {
            section.problem(
                "\(section.path).hello-holdtime must be longer than hello-interval", at: "hello-holdtime")
        }
    }
}
