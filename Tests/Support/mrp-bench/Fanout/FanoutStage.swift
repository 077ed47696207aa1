import Foundation
import Lab

/// A relay with what it needs around it: a source of multicast on one side, HTTP clients on the other.
protocol FanoutStage: AnyObject {
    var name: String { get }
    /// The program whose time and memory count.
    var relay: ChildProcess { get }
    /// Where the channels are sent from, and by which interface.
    var sourceNode: Node { get }
    var sourceInterface: String { get }
    /// A group and a port a channel, `GROUP PORT`.
    func groups(_ setting: FanoutSetting) -> [String]
    /// Where the clients run, and where they find the relay.
    var clientNode: Node { get }
    var relayAddress: String { get }
    var relayPort: Int { get }
    /// A request target a channel, and the address to ask from where that matters: `TARGET [ADDRESS]`.
    func targets(_ setting: FanoutSetting) throws -> [String]
    /// A relay that is as it was before the first client.
    func start() throws
    func stop()
}

/// A plain relay that joins groups itself: the peer, or the reference.
final class PlainRelayStage: FanoutStage {
    let name: String
    private let lab: Lab
    private let host: Node
    private let command: (Node) throws -> [String]
    private var running: ChildProcess?

    let sourceNode: Node
    static let relayPort = 7088
    static let relayInterface = "uplink"
    let sourceInterface = "downlink"
    private static let port = 5000
    private static let sourceAddress = "10.0.0.1"
    let relayAddress = "127.0.0.1"

    /// - Parameter command: the relay's, with whatever file it needs written into its node.
    init(_ name: String, command: @escaping (Node) throws -> [String]) throws {
        (self.name, self.command) = (name, command)
        lab = try Lab(name)
        sourceNode = try lab.node("source")
        host = try lab.node("relay")
        try lab.link(
            .init(sourceNode, sourceInterface, "\(Self.sourceAddress)/24"),
            .init(host, Self.relayInterface, "10.0.0.2/24"))
        try host.ip("route", "add", "224.0.0.0/4", "dev", Self.relayInterface)
        try host.sysctl("net.ipv4.tcp_congestion_control", "reno")
    }

    deinit { lab.tearDown() }

    var relay: ChildProcess {
        guard let running else { preconditionFailure("\(name) was not started") }
        return running
    }
    var clientNode: Node { host }
    var relayPort: Int { Self.relayPort }

    func groups(_ setting: FanoutSetting) -> [String] {
        (0..<setting.channels).map { "\(Self.group($0)) \(Self.port)" }
    }

    func targets(_ setting: FanoutSetting) -> [String] {
        (0..<setting.channels).map { "/rtp/\(Self.group($0)):\(Self.port)" }
    }

    private static func group(_ channel: Int) -> String { "232.1.\(channel / 250).\(1 + channel % 250)" }

    func start() throws {
        let started = try host.start(name, FanoutLoad.pinned(processor: 0, try command(host)))
        running = started
        try host.waitForListener(Self.relayPort, of: started)
    }

    func stop() {
        running?.stop()
        running = nil
    }

    /// The plain C relay beside this file's folder.
    static func reference(baselines: String) throws -> PlainRelayStage {
        try PlainRelayStage("C-relay") { _ in [baselines + "/fanout_relay", relayInterface, "\(relayPort)"] }
    }

    /// Our media loop without the control plane and the HTTP library around it.
    static func mediaLoop(programs: String) throws -> PlainRelayStage {
        try PlainRelayStage("media-loop") { _ in
            [programs + "/mrp-media-loop", relayInterface, sourceAddress, "\(relayPort)"]
        }
    }

    /// msd_lite with one thread and the block sizes of its own sample configuration.
    static func msdLite(_ program: String) throws -> PlainRelayStage {
        try PlainRelayStage("msd_lite") { node in
            [program, "-c", try node.write("msd_lite.conf", msdLiteConfiguration)]
        }
    }

    private static let msdLiteConfiguration = """
        <?xml version="1.0" encoding="utf-8"?>
        <msd>
          <log><level>3</level></log>
          <threadPool><threadsCountMax>1</threadsCountMax><fBindToCPU>no</fBindToCPU></threadPool>
          <HTTP>
            <bindList><bind><address>127.0.0.1:\(relayPort)</address></bind></bindList>
            <hostnameList><hostname>*</hostname></hostnameList>
          </HTTP>
          <hubProfileList><hubProfile>
            <fDropSlowClients>no</fDropSlowClients><fSocketHalfClosed>no</fSocketHalfClosed>
            <fSocketTCPNoDelay>yes</fSocketTCPNoDelay><fSocketTCPNoPush>yes</fSocketTCPNoPush>
            <precache>4096</precache><ringBufSize>1024</ringBufSize>
            <skt><sndBuf>512</sndBuf><sndLoWatermark>64</sndLoWatermark></skt>
          </hubProfile></hubProfileList>
          <sourceProfileList><sourceProfile>
            <skt><rcvBuf>512</rcvBuf><rcvLoWatermark>48</rcvLoWatermark><rcvTimeout>2</rcvTimeout></skt>
            <multicast><ifName>\(relayInterface)</ifName><rejoinTime>0</rejoinTime></multicast>
          </sourceProfile></sourceProfileList>
        </msd>
        """
}

extension Node {
    /// Waits until somebody accepts connections at `port`.
    func waitForListener(_ port: Int, of child: ChildProcess) throws {
        let isOpen = try eventually(within: .seconds(10)) {
            guard child.isRunning else { throw BenchFailure("\(child.name) ended:\n\(child.log)") }
            return try runCommand(inside(["ss", "-Hltn", "sport", "=", ":\(port)"])).output.contains("LISTEN")
        }
        guard isOpen else { throw BenchFailure("\(child.name) does not listen at \(port)") }
    }
}
