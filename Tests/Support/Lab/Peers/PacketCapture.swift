import Foundation

/// What crosses an interface of a node, captured by dumpcap and dissected by tshark: it judges by its own lights what we sent.
package final class PacketCapture {
    private let node: Node
    private let child: ChildProcess
    private let file: String

    /// - Parameter filter: a capture filter as libpcap reads it.
    package init(_ name: String, in node: Node, on interface: String, filter: String) throws {
        self.node = node
        file = node.path("\(name).pcap")
        // Not tshark itself, which leaves this program running when it is interrupted.
        child = try node.start("dumpcap-\(name)", ["dumpcap", "-q", "-n", "-i", interface, "-f", filter, "-w", file])
        guard eventually(within: .seconds(20), { self.child.log.contains("File:") }) else {
            throw LabError("dumpcap did not start: \(child.log)")
        }
    }

    /// Ends the capture.
    package func stop() {
        child.send(signal: SIGINT)
        child.waitForExit(within: .seconds(10))
    }

    /// Every checksum is verified; the metro's media is RTP with MPEG-TS in it, its repair packets SMPTE ST 2022-1.
    private static let dissection =
        ["ip.check_checksum", "udp.check_checksum", "2dparityfec.enable"].flatMap { ["-o", "\($0):TRUE"] }
        + ["udp.port==5000,rtp", "udp.port==5002,rtp", "udp.port==5004,rtp", "rtp.pt==33,mp2t"].flatMap { ["-d", $0] }

    /// How many frames match each of several display filters, in one pass; call `stop` first.
    package func counts(matching filters: [String]) throws -> [Int] {
        let statistics = "io,stat,0," + filters.joined(separator: ",")
        let text = try node.run("tshark", arguments: ["-q", "-n", "-r", file, "-z", statistics] + Self.dissection)
        // | 0.0 <> 12.3 |  frames |  bytes | frames | bytes |
        let row = text.split(separator: "\n").last { $0.contains("<>") } ?? ""
        let cells = row.split(separator: "|").dropFirst().compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        guard cells.count == 2 * filters.count else {
            throw LabError("tshark counted otherwise than expected: \(text)")
        }
        return filters.indices.map { cells[2 * $0] }
    }

    /// Frames that match a display filter, one line each; call `stop` first.
    package func frames(matching filter: String) throws -> [String] {
        try node.run("tshark", arguments: ["-n", "-r", file, "-Y", filter] + Self.dissection)
            .split(separator: "\n").map(String.init)
    }
}
