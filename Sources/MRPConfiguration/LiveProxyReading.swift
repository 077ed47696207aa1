import Clockwork
import ControlProtocol
import Wire

extension LiveProxyConfiguration {
    init?(reading section: inout SectionReader) {
        tls = section.section("tls") { TLSConfiguration(reading: &$0) }
        ottServers = section.list("ott-servers", .url("https"), atMost: Self.maximumServers)
        nodeAddress = section.value(
            "node-address", .written, default: ListenEndpoint(address: .v4(.unspecified), port: 8_444))
        clientAddress = section.optional("client-address", .written)
        httpBase = section.optional("http-base", .url("http", "https"))
        if (clientAddress == nil) != (httpBase == nil) {
            section.problem(
                "\(section.path): \"client-address\" and \"http-base\" go together: where unicast viewers are served, and "
                    + "the URL that reaches it", at: clientAddress == nil ? "http-base" : "client-address")
        }
        let address: IPAddress? = section.required("address", .written)
        prefixes = section.list("prefixes", .written, atMost: ProxyRegistration.maximumPrefixes)
        routerSocket = section.value(
            "router-socket", .socketPath, default: RouterConfiguration.defaultControlSocket)
        controlSocket = section.value("control-socket", .socketPath, default: Self.defaultControlSocket)
        state = section.value("state", .file, default: "/var/lib/mrp/live-proxy")
        let source = section.section("source") { MediaSourceConfiguration(reading: &$0) }
        pools = section.sectionList("pools", atMost: 64) { PoolConfiguration(reading: &$0) }
        if !section.has("pools") { pools = PoolConfiguration.standard }
        let channels = Self.channels(reading: &section, pools: pools.map(\.name))
        channelPools = channels.mapValues(\.pool)
        channelRepairs = channels.compactMapValues(\.repair)
        idleTimeout = section.value("idle-timeout", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(60))
        linger = section.value("linger", .duration(.zero...(.seconds(3_600))), default: .seconds(5))
        quarantine = section.value("quarantine", .duration(.zero...(.seconds(86_400))), default: .seconds(60))
        replicationPointExpiry = section.value(
            "replication-point-expiry", .duration(.seconds(1)...(.seconds(3_600))), default: .seconds(15))
        fetch = section.section("fetch") { FetchConfiguration(reading: &$0) } ?? .standard
        mediaDescriptions = section.sectionList("media-descriptions", atMost: OTTServerConfiguration.maximumChannels) {
            MediaDescription(reading: &$0)
        }
        limits = section.section("limits") { LiveProxyLimits(reading: &$0) } ?? .standard
        for key in ["ott-servers", "prefixes"] where !section.has(key) {
            section.problem("\"\(section.path).\(key)\" is missing")
        }
        reportDuplicates(of: ottServers, in: "ott-servers", of: section)
        reportDuplicates(of: prefixes, in: "prefixes", of: section)
        reportDuplicates(of: mediaDescriptions.map(\.channel), in: "media-descriptions", of: section)
        Self.checkPools(pools, in: section)
        if !section.has("source") {
            section.problem("\"\(section.path).source\" is missing: it names the interface and address media leave by")
        }
        guard let address, let source else { return nil }
        self.address = address
        self.source = source
    }

    private typealias ChannelSettings = (pool: String, repair: RepairConfiguration?)

    private static func channels(
        reading section: inout SectionReader, pools: [String]
    ) -> [ChannelKey: ChannelSettings] {
        let pairs: [(ChannelKey, ChannelSettings)] = section.sectionList("channels", atMost: 10_000) { section in
            let channel: ChannelKey? = section.required("channel", .written)
            let repair = section.section("repair") { RepairConfiguration(reading: &$0) }
            guard let pool = section.required("pool", .nodeName), let channel else { return nil }
            if !pools.contains(pool) {
                section.problem("there is no pool \"\(pool)\"\(hint(suggestion(for: pool, among: pools)))", at: "pool")
            }
            return (channel, (pool, repair))
        }
        reportDuplicates(of: pairs.map(\.0), in: "channels", of: section)
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    private static func checkPools(_ pools: [PoolConfiguration], in section: SectionReader) {
        reportDuplicates(of: pools.map(\.name), in: "pools", of: section)
        for (index, pool) in pools.enumerated() {
            for other in pools[..<index]
            where pool.groups.contains(other.groups.address) || other.groups.contains(pool.groups.address) {
                section.problem(
                    "pools \"\(other.name)\" (\(other.groups)) and \"\(pool.name)\" (\(pool.groups)) overlap",
                    at: "pools")
            }
        }
    }
}

extension MediaSourceConfiguration {
    init?(reading section: inout SectionReader) {
        interface = section.value("interface", .interfaceName, default: "mrp-source")
        let address: IPAddress? = section.required("address", .written)
        dscp = section.value("dscp", .integer(0...63), default: 34)
        ttl = section.value("ttl", .integer(1...255), default: 16)
        mtu = section.value("mtu", .integer(576...9_000), default: 1_500)
        trainSpan = section.value("train-span", .duration(.zero...(.milliseconds(50))), default: .milliseconds(5))
        guard let address else { return nil }
        if address.isMulticast || address.isUnspecified {
            section.problem("\(section.path).address must be an address of this host, not \(address)", at: "address")
        }
        self.address = address
    }
}

extension PoolConfiguration {
    /// What is given out where the file names no pool.
    package static let standard: [PoolConfiguration] =
        IPPrefix("232.1.0.0/16").map { (groups: IPPrefix) in
            [
                PoolConfiguration(
                    name: "default", layout: .groupPerRendition, addressing: .sourceSpecific, groups: groups,
                    firstPort: standardFirstPort)
            ]
        } ?? []

    private static let standardFirstPort: UInt16 = 5_000

    init?(reading section: inout SectionReader) {
        let name = section.required("name", .nodeName)
        layout = section.value("layout", .choice, default: .groupPerRendition)
        addressing = section.value("addressing", .choice, default: .sourceSpecific)
        let groups: IPPrefix? = section.required("groups", .written)
        let highest = Int(UInt16.max) - MediaDescription.maximumRenditions * Int(RenditionResource.portStride)
        let port = section.value(
            "first-port", .integer(1_024...highest).within("and even") { $0.isMultiple(of: 2) },
            default: Int(Self.standardFirstPort))
        firstPort = UInt16(clamping: port)
        repair = section.section("repair") { RepairConfiguration(reading: &$0) }
        guard let name, let groups else { return nil }
        self.name = name
        self.groups = groups
        if let reason = Self.unusable(groups, addressing: addressing) {
            section.problem("\(section.path).groups: \(reason)", at: "groups")
        }
    }

    private static func unusable(_ groups: IPPrefix, addressing: AddressingMode) -> String? {
        guard groups.address.isMulticast, groups.length >= (groups.address.v4 == nil ? 8 : 4) else {
            return "\(groups) does not hold multicast groups alone"
        }
        if let v4 = groups.address.v4, v4.isLinkLocalMulticast, groups.length >= 24 {
            return "224.0.0.0/24 is never forwarded (RFC 5771 §4)"
        }
        switch (addressing, groups.address.isSourceSpecificMulticast) {
        case (.sourceSpecific, false): return "source-specific groups are in 232.0.0.0/8 or ff3x::/32 (RFC 4607)"
        case (.anySource, true): return "\(groups) is for source-specific groups (RFC 4607)"
        case (.sourceSpecific, true), (.anySource, false): return nil
        }
    }
}

extension FetchConfiguration {
    package static let standard = FetchConfiguration(
        connectTimeout: .seconds(2), requestTimeout: .seconds(10), maximumRedirects: 5,
        maximumPlaylistBytes: 1 << 20, maximumSegmentBytes: 64 << 20, connectionsPerHost: 8, allowedHosts: [])

    init(reading section: inout SectionReader) {
        let normal = Self.standard
        connectTimeout = section.value(
            "connect-timeout", .duration(.milliseconds(100)...(.seconds(60))), default: normal.connectTimeout)
        requestTimeout = section.value(
            "request-timeout", .duration(.milliseconds(100)...(.seconds(120))), default: normal.requestTimeout)
        maximumRedirects = section.value("maximum-redirects", .integer(0...20), default: normal.maximumRedirects)
        maximumPlaylistBytes = section.value(
            "maximum-playlist-bytes", .integer(1_024...(16 << 20)), default: normal.maximumPlaylistBytes)
        maximumSegmentBytes = section.value(
            "maximum-segment-bytes", .integer(65_536...(1 << 30)), default: normal.maximumSegmentBytes)
        connectionsPerHost = section.value(
            "connections-per-host", .integer(1...256), default: normal.connectionsPerHost)
        allowedHosts = section.list("allowed-hosts", .text, atMost: 256)
    }
}

extension LiveProxyLimits {
    package static let standard = LiveProxyLimits(
        channels: 1_000, authorizedSubscribers: 200_000, replicationPoints: 256)

    init(reading section: inout SectionReader) {
        let normal = Self.standard
        channels = section.value("channels", .integer(1...100_000), default: normal.channels)
        authorizedSubscribers = section.value(
            "authorized-subscribers", .integer(1...10_000_000), default: normal.authorizedSubscribers)
        replicationPoints = section.value(
            "replication-points", .integer(1...10_000), default: normal.replicationPoints)
    }
}
