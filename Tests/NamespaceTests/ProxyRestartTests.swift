import ControlProtocol
import Foundation
import Lab
import Testing

/// Media as a viewer's network interface saw it: taken down by dumpcap, read by tshark.
private final class SeenMedia {
    struct Packet {
        let time: Double
        let group: String
        let sequence: UInt16
        /// Its own and those behind it: on a veth pair a train is seen whole.
        let count: Int
        let synchronizationSource: String
    }

    /// An RTP header and seven transport packets.
    private static let datagramSize = 12 + 7 * 188

    private let node: Node
    private let dumpcap: ChildProcess
    private let file: String
    private(set) var packets: [Packet] = []

    init(by node: Node, on interface: String) throws {
        self.node = node
        file = node.path("media.pcapng")
        dumpcap = try node.start(
            "dumpcap", ["dumpcap", "-q", "-i", interface, "-f", "udp and dst net 224.0.0.0/4", "-w", file])
        guard eventually(within: .seconds(20), { self.dumpcap.log.contains("Capturing on") }) else {
            throw LabError("dumpcap did not start: \(dumpcap.log)")
        }
    }

    func finish() throws {
        dumpcap.send(signal: SIGTERM)
        dumpcap.waitForExit(within: .seconds(5))
        let fields = ["frame.time_epoch", "ip.dst", "rtp.seq", "rtp.ssrc", "udp.length"]
        let rows = try node.run(
            "tshark",
            arguments: ["-n", "-r", file, "-d", "udp.port==5000-5999,rtp", "-Y", "rtp", "-T", "fields"]
                + fields.flatMap { ["-e", $0] })
        packets = rows.split(separator: "\n").compactMap { row in
            let values = row.split(separator: "\t").map(String.init)
            guard values.count == fields.count, let time = Double(values[0]), let sequence = UInt16(values[2]),
                let length = Int(values[4])
            else { return nil }
            return Packet(
                time: time, group: values[1], sequence: sequence, count: (length - 8) / Self.datagramSize,
                synchronizationSource: values[3])
        }
    }

    /// The longest pause between two packets, and where it begins.
    var longestPause: (index: Int, seconds: Double) {
        let pauses = zip(packets, packets.dropFirst()).map { $1.time - $0.time }
        let index = pauses.indices.max { pauses[$0] < pauses[$1] } ?? 0
        return (index, pauses.isEmpty ? 0 : pauses[index])
    }

    /// RTP packets that are missing between each two that came, by the numbers they carry.
    var missing: [Int] {
        zip(packets, packets.dropFirst()).map { Int($1.sequence &- $0.sequence) - $0.count }
    }
}

extension MetroSuite {
    /// Which group and generation every channel has at the proxy.
    private static func allocations(_ deployment: MetroDeployment) throws -> [ChannelKey: MulticastResource] {
        let socket = deployment.metro.proxy.path("live-proxy.sock")
        let shown = try runCommand([deployment.program("mrpctl"), "show", "channels", "--json", "--socket", socket])
        let document = try JSONDecoder().decode(ChannelsDocument.self, from: Data(shown.output.utf8))
        return Dictionary(
            uniqueKeysWithValues: document.channels.compactMap { row in row.resource.map { (row.channel, $0) } })
    }

    @Test func `a killed live proxy costs its viewers no more than the time until it is back`() throws {
        try Self.withDeployment("proxykill") { deployment in
            let seen = try SeenMedia(by: deployment.metro.viewer("alice"), on: "eth0")
            let alice = try Self.watch("alice", in: deployment, seconds: 14)
            usleep(2_000_000)
            let before = try Self.allocations(deployment)
            try #require(before.count == 1)
            let trees = try Self.trees(deployment)
            let daemon = try #require(deployment.running["proxy/mrpd"])
            // From the answer of the new process to its first packet: a list, a segment and 50 ms of preroll.
            let resumption = Duration.milliseconds(500)
            let clock = ContinuousClock()
            let killed = clock.now
            daemon.send(signal: SIGKILL)
            #expect(daemon.waitForExit(within: .seconds(2)))
            usleep(100_000)
            try deployment.startDaemon(deployment.metro.proxy, role: "live-proxy")
            let restart = clock.now - killed
            usleep(2_000_000)
            // The same groups under the same generation, and no entry has moved.
            #expect(try Self.allocations(deployment) == before)
            #expect(try Self.trees(deployment) == trees)
            #expect(alice.child.waitForExit(within: .seconds(30)))
            try seen.finish()

            try #require(seen.packets.count > 300, "\(seen.packets.count) packets seen")
            #expect(Set(seen.packets.map(\.group)).count == 1)
            #expect(Set(seen.packets.map(\.synchronizationSource)).count == 1)
            let pause = seen.longestPause
            let missing = seen.missing
            print("restart \(restart), gap \(pause.seconds) s, \(missing[pause.index]) packets missing")
            #expect(
                .seconds(pause.seconds) <= restart + resumption,
                "a gap of \(pause.seconds) s for a restart of \(restart)")
            // No number twice and none left out, but for a train that was begun when the signal came.
            #expect((0...64).contains(missing[pause.index]), "\(missing[pause.index]) packets at the restart")
            let elsewhere = missing.enumerated().filter { $0.offset != pause.index && $0.element != 0 }
            #expect(elsewhere.isEmpty, "\(elsewhere)")

            let report = try Self.report(deployment, of: "alice")
            let count = { (name: String) in report[name] as? Int }
            #expect(count("restarts") == 0 && count("foreign") == 0 && count("duplicates") == 0)
            #expect(count("lost") == missing[pause.index] && count("sync-losses") == 0)
            if missing[pause.index] == 0 { #expect(count("continuity-errors") == 0) }
        }
    }

    /// What each forwarder's kernel has, without what counts.
    private static func trees(_ deployment: MetroDeployment) throws -> [[String]] {
        try deployment.forwarders.map { try deployment.forwardingEntries($0).map(tree) }
    }

    /// Source, group and interfaces of a line of `ip mroute`, without what counts.
    private static func tree(_ line: String) -> String {
        line.split(separator: " ").prefix { $0 != "State:" }.joined(separator: " ")
    }
}
