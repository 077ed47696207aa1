import Foundation
import KernelMulticast
import LinuxIO
import Netlink
import Wire

/// A live proxy's way out in a network namespace of its own: a source interface, a forwarding entry a rendition, and
/// output ports whose far ends, in another namespace, drop what comes as early as can be.
///
/// Made and used on one thread, which it moves into the namespace and `close` moves back.
final class ProxyTestbed {
    static let source = IPv4Address(10, 255, 0, 1)
    static let firstGroup = IPv4Address(232, 9, 0, 0)
    static let interfaceName = "mrp-source"
    static let port: UInt16 = 5000

    let interface: InterfaceIndex
    private let home: FileDescriptor
    /// Where the ports' far ends are; it lasts as long as this does.
    private let farSide: FileDescriptor
    private let routing: MulticastRoutingSocket
    private let cache: ForwardingCache
    private let ports: [VirtualInterface]

    static func group(_ rendition: Int) -> IPv4Address {
        IPv4Address(rawValue: firstGroup.rawValue + UInt32(rendition))
    }

    /// - Parameter carriesTrains: whether the ports' drivers take whole trains; otherwise the kernel cuts each copy.
    init(ports count: Int, renditions: Int, carriesTrains: Bool = true) throws {
        home = try NetworkNamespace.current()
        do {
            try NetworkNamespace.enterNew()
            farSide = try NetworkNamespace.current()
            try NetworkNamespace.enterNew()
            let names = (0..<count).map { "port\($0)" }
            try Self.connect(names, to: farSide, carriesTrains: carriesTrains)
            let network = try NetworkConfiguration()
            let link = try network.ensureSourceInterface(
                named: Self.interfaceName, peerName: "mrp-source-x", address: .v4(Self.source), prefixLength: 32)
            interface = link.index
            routing = try MulticastRoutingSocket()
            var table = VirtualInterfaceTable()
            let input = try table.assign(link.index, use: .inputAndOutput)
            try routing.add(input, for: link.index)
            var outputs: [VirtualInterface] = []
            for name in names {
                guard let port = try network.link(named: name) else { throw BenchFailure("\(name) is gone") }
                let number = try table.assign(port.index, use: .inputAndOutput)
                try routing.add(number, for: port.index)
                outputs.append(number)
            }
            ports = outputs
            cache = try ForwardingCache()
            let refused = try cache.apply(
                (0..<renditions).map {
                    .set(
                        ForwardingKey(source: Self.source, group: Self.group($0)), input: link.index,
                        outputs: VirtualInterfaceSet(outputs))
                })
            guard refused.isEmpty else { throw BenchFailure("\(refused[0])") }
        } catch {
            try? NetworkNamespace.enter(home)
            throw error
        }
    }

    func close() {
        try? NetworkNamespace.enter(home)
    }

    /// Bytes that left by all ports, as the kernel's forwarding counts them.
    func forwardedBytes() throws -> UInt64 {
        let numbers = Set(ports)
        return try cache.virtualInterfaces().filter { numbers.contains($0.number) }.reduce(0) { $0 + $1.bytesOut }
    }

    private static func connect(
        _ names: [String], to far: borrowing FileDescriptor, carriesTrains: Bool
    ) throws {
        let network = try NetworkConfiguration()
        for name in names {
            try network.addVethPair(name, "\(name)x")
            guard let near = try network.link(named: name), let end = try network.link(named: "\(name)x") else {
                throw BenchFailure("\(name) is gone")
            }
            if !carriesTrains { try run("ethtool", "-K", name, "tx-udp-segmentation", "off") }
            try network.move(end.index, to: far)
            try network.setUp(near.index)
        }
        let here = try NetworkNamespace.current()
        try NetworkNamespace.enter(far)
        defer { try? NetworkNamespace.enter(here) }
        let ends = try NetworkConfiguration()
        for name in names {
            guard let end = try ends.link(named: "\(name)x") else { throw BenchFailure("\(name)x is gone") }
            try ends.setUp(end.index)
        }
        let devices = names.map { "\($0)x" }.joined(separator: ", ")
        try run("nft", "add", "table", "netdev", "sink")
        try run(
            "nft", "add", "chain", "netdev", "sink", "end",
            "{ type filter hook ingress devices = { \(devices) } priority 0; policy drop; }")
    }

    /// Runs a tool in the calling thread's namespace.
    private static func run(_ command: String...) throws {
        let output = try Self.output(of: "/usr/bin/env", command)
        guard output.status == 0 else { throw BenchFailure("\(command.joined(separator: " ")) failed: \(output.text)") }
    }

    static func output(of program: String, _ arguments: [String]) throws -> (text: String, status: Int32) {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (text, process.terminationStatus)
    }
}
