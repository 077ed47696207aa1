/// Debian's `smcroute` in a node: a multicast router that knows what its configuration says and nothing else.
package final class StaticRouter {
    private let node: Node
    private let socket: String

    /// - Parameter configuration: as smcroute.conf(5) has it.
    package init(in node: Node, configuration: String) throws {
        self.node = node
        socket = node.path("smcroute.sock")
        let file = try node.write("smcroute.conf", configuration)
        let child = try node.start(
            "smcrouted", ["smcrouted", "-n", "-N", "-f", file, "-P", node.path("smcroute.pid"), "-u", socket])
        let answers = eventually(within: .seconds(5)) { (try? self.routes()) != nil || !child.isRunning }
        guard answers, child.isRunning else { throw LabError("smcrouted did not start: \(child.log)") }
    }

    /// What `smcroutectl show routes` prints.
    package func routes() throws -> String {
        try node.run("smcroutectl", "-pd", "-u", socket, "show", "routes")
    }
}
