import Foundation

/// tshark listening in a node: it dissects by its own lights what we sent.
package final class PacketCapture {
    private let node: Node
    private let child: ChildProcess
    private let file: String

    /// - Parameter filter: a capture filter as libpcap reads it.
    package init(_ name: String, in node: Node, on interface: String, filter: String) throws {
        self.node = node
        file = node.path("\(name).pcap")
        child = try node.start(
            "tshark-\(name)", ["tshark", "-q", "-n", "-i", interface, "-f", filter, "-w", file])
        guard eventually(within: .seconds(20), { self.child.log.contains("Capturing on") }) else {
            throw LabError("tshark did not start: \(child.log)")
        }
    }

    /// Ends the capture.
    package func stop() {
        child.send(signal: SIGINT)
        child.waitForExit(within: .seconds(10))
    }

    /// Frames that match a display filter, one line each; call `stop` first.
    package func frames(matching filter: String, decodeAs: [String] = []) throws -> [String] {
        try node.run(
            "tshark", arguments: ["-n", "-r", file, "-Y", filter] + decodeAs.flatMap { ["-d", $0] }
        ).split(separator: "\n").map(String.init)
    }
}
