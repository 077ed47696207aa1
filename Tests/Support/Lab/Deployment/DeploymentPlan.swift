/// How a deployment differs from the plain one; what a test does not name stays as in the demo.
package struct DeploymentPlan: Sendable {
    /// The live proxy's pool.
    package struct Pool: Sendable {
        package var layout: String
        package var addressing: String
        package var groups: String
        /// As YAML in braces, such as `{ fec: { latency: 500ms } }`; nil repairs nothing.
        package var repair: String?

        package init(
            layout: String = "group-per-rendition", addressing: String = "source-specific",
            groups: String = "232.1.0.0/16", repair: String? = nil
        ) {
            self.layout = layout
            self.addressing = addressing
            self.groups = groups
            self.repair = repair
        }
    }

    /// A bad line between a viewer and its replication point.
    package struct Impairment: Sendable {
        package var seed: UInt64
        /// As `mrp-impair` takes them.
        package var options: [String]

        package init(seed: UInt64, options: [String]) {
            self.seed = seed
            self.options = options
        }
    }

    package var pool = Pool()
    /// Whether core2 runs our router; otherwise whoever made the deployment runs another one there.
    package var runsCoreRouter = true
    /// By viewer.
    package var impairments: [String: Impairment] = [:]
    /// Further interfaces of a node's router, by node and interface, as YAML in braces.
    package var interfaces: [String: [String: String]] = [:]
    /// Whether replication points serve viewers who cannot receive multicast.
    package var servesUnicast = false
    /// By node.
    package var trustedDownstreamRouters: [String: [String]] = [:]

    package init() {}
}
