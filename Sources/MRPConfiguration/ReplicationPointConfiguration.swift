import Clockwork
import ControlProtocol
import Wire

/// What the `replication-point` role reads of the file.
package struct ReplicationPointConfiguration: Hashable, Sendable {
    package static let defaultControlSocket = "/run/mrp/replication-point.sock"

    /// `https://host:port` of its live proxy.
    package var liveProxy: String
    /// Whose clients it serves.
    package var prefixes: [IPPrefix]
    /// Where its unicast viewers fetch.
    package var httpBase: String?
    /// Where unicast viewers are served; nil serves none.
    package var clientAddress: ListenEndpoint?
    package var unicast: UnicastConfiguration
    package var routerSocket: String
    package var controlSocket: String
    package var limits: ReplicationPointLimits
    package var tls: TLSConfiguration?
}

/// Bounds of the replication point's tables.
package struct ReplicationPointLimits: Hashable, Sendable {
    package var channels: Int
    package var authorizedSubscribers: Int
}

extension ReplicationPointConfiguration {
    init?(reading section: inout SectionReader) {
        tls = section.section("tls") { TLSConfiguration(reading: &$0) }
        let liveProxy = section.required("live-proxy", .url("https"))
        prefixes = section.list("prefixes", .written, atMost: ReplicationPointRegistration.maximumPrefixes)
        httpBase = section.optional("http-base", .url("http", "https"))
        clientAddress = section.optional("client-address", .written)
        unicast = section.section("unicast") { UnicastConfiguration(reading: &$0) } ?? .standard
        routerSocket = section.value(
            "router-socket", .socketPath, default: RouterConfiguration.defaultControlSocket)
        controlSocket = section.value("control-socket", .socketPath, default: Self.defaultControlSocket)
        limits = section.section("limits") { ReplicationPointLimits(reading: &$0) } ?? .standard
        if !section.has("prefixes") {
            section.problem("\"\(section.path).prefixes\" is missing: name the networks of its viewers")
        }
        reportDuplicates(of: prefixes, in: "prefixes", of: section)
        guard let liveProxy else { return nil }
        self.liveProxy = liveProxy
    }
}

extension ReplicationPointLimits {
    package static let standard = ReplicationPointLimits(channels: 10_000, authorizedSubscribers: 200_000)

    init(reading section: inout SectionReader) {
        let normal = Self.standard
        channels = section.value("channels", .integer(1...100_000), default: normal.channels)
        authorizedSubscribers = section.value(
            "authorized-subscribers", .integer(1...10_000_000), default: normal.authorizedSubscribers)
    }
}
