import Clockwork
import ControlProtocol
import Foundation
import Lab
import LinuxIO
import LiveProxy
import MPEGTS
import MediaFixtures
import MediaIO
import OTTClient
import Testing
import Wire

/// A proxy's node and a viewer's, a link that loses between them, as a wire would carry packets: one by one.
final class RepairStreet {
    static let group = IPAddress.v4(IPv4Address(239, 7, 7, 7))
    static let source = IPAddress.v4(IPv4Address(10, 78, 0, 1))

    let lab: Lab
    let proxy: Node
    let viewer: Node

    init(_ name: String) throws {
        lab = try Lab(name)
        proxy = try lab.node("proxy")
        viewer = try lab.node("viewer")
        try lab.link(.init(proxy, "eth0", "10.78.0.1/24"), .init(viewer, "eth0", "10.78.0.2/24"))
        for node in [proxy, viewer] {
            try node.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
            try node.run("ethtool", "-K", "eth0", "tx", "off", "gso", "off", "gro", "off")
        }
    }

    /// Drops `perMille` of a thousand packets, media and repair packets alike.
    func lose(perMille: Int, seed: UInt32) throws -> SeededLoss {
        try SeededLoss("loss", in: viewer, on: "eth0", perMille: perMille, seed: seed)
    }

    func at<Result: ~Copyable>(_ node: Node, _ body: (InterfaceIndex) throws -> Result) throws -> Result {
        let before = try NetworkNamespace.current()
        try NetworkNamespace.enter(NetworkNamespace.open("/run/netns/\(node.namespace)"))
        defer { try? NetworkNamespace.enter(before) }
        return try body(InterfaceIndex(if_nametoindex("eth0")))
    }

    func subscription(_ interface: InterfaceIndex) -> MediaReceiver.Subscription {
        var subscription = MediaReceiver.Subscription(
            group: Self.group, source: Self.source, port: 5000, interface: interface)
        subscription.repairPorts = [5002, 5004]
        return subscription
    }

    /// Begins to send a 4 Mbit/s rendition with repair packets.
    func send(_ matrix: FECMatrix, by sender: MediaSender) throws -> MediaStreamID {
        try at(proxy) { interface in
            var output = RenditionOutput(source: Self.source, group: Self.group, port: 5000, interface: interface)
            output.fec = matrix
            return try sender.add(output, continuing: freshState())
        }
    }

    /// Seconds of media, some twelve thousand transport packets each four.
    static func feed(_ sender: MediaSender, _ id: MediaStreamID, seconds: Int) throws {
        var source = StreamGenerator()
        source.packetsPerReference = 100
        for _ in 0..<seconds {
            let outcome = sender.append(source.segment(references: 25), to: id, duration: .seconds(1))
            guard case .accepted = outcome else { throw Refused(outcome: outcome) }
        }
    }
}

/// What is wrong in a transport stream that a receiver passed through.
func continuity(of file: String) throws -> (packets: Int, errors: UInt64) {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    var checker = ContinuityChecker()
    checker.check(bytes.span.bytes)
    return (bytes.count / 188, checker.counters.continuityErrors &+ checker.counters.syncLosses)
}
