/// Debian's `igmpproxy` in a node: the home gateway of another maker.
package final class IGMPProxy {
    private let child: ChildProcess

    /// - Parameter sources: the prefix that multicast sources are in; igmpproxy insists on knowing it.
    package init(in node: Node, upstream: String, downstream: String, sources: String) throws {
        let file = try node.write(
            "igmpproxy.conf",
            """
            quickleave
            phyint \(upstream) upstream ratelimit 0 threshold 1
              altnet \(sources)
            phyint \(downstream) downstream ratelimit 0 threshold 1
            phyint lo disabled

            """)
        child = try node.start("igmpproxy", ["igmpproxy", "-n", "-d", file])
        guard !child.waitForExit(within: .milliseconds(500)) else {
            throw LabError("igmpproxy did not start: \(child.log)")
        }
    }
}
