import Glibc
import KernelMulticast
import LinuxIO
import Netlink
import Testing
import Wire

/// A source, a router with an upstream and two downstream interfaces, and a viewer behind each.
///
///     source 10.1.0.10 ── up 10.1.0.1 router left  10.2.0.1 ── left  10.2.0.10
///                                            right 10.3.0.1 ── right 10.3.0.10
final class Street {
    static let source = v4("10.1.0.10")
    static let group = v4("232.1.1.1")
    static let key = ForwardingKey(source: source, group: group)
    static let port: UInt16 = 5000

    let network: TestNetwork
    let up: InterfaceIndex
    let left: InterfaceIndex
    let right: InterfaceIndex
    private var owner: SharedRouting?
    let cache: ForwardingCache
    private let sender: SharedSender

    init() throws {
        let network = try TestNetwork("source", "router", "left", "right")
        let (sourceEnd, up) = try network.link(("source", "s0", "10.1.0.10/24"), ("router", "up", "10.1.0.1/24"))
        let left = try network.link(("router", "left", "10.2.0.1/24"), ("left", "l0", "10.2.0.10/24")).0
        let right = try network.link(("router", "right", "10.3.0.1/24"), ("right", "r0", "10.3.0.10/24")).0
        let cache = try network.inside("router") { try ForwardingCache() }
        let sender = try network.inside("source") { try SharedSender(on: sourceEnd.index) }
        let routing = try network.inside("router") { try SharedRouting() }
        for (number, end) in [up, left, right].enumerated() { try routing.socket.add(vif(number), for: end.index) }
        (self.up, self.left, self.right) = (up.index, left.index, right.index)
        (self.network, self.cache, self.sender) = (network, cache, sender)
        owner = routing
    }

    /// The routing socket of this process, with VIFs 0 (up), 1 (left) and 2 (right).
    var routing: SharedRouting {
        get throws { try #require(owner, "the routing socket was closed") }
    }

    /// Closes this process's routing socket, as its end would.
    func closeRouting() {
        owner = nil
    }

    /// Sends one datagram of `bytes` to the group.
    func send(_ bytes: [UInt8]) throws {
        try sender.socket.send(bytes, to: SocketAddress(.v4(Self.group), port: Self.port))
    }

    /// Sends datagrams of one byte each, numbered from `first`.
    func send(numbers: Range<UInt8>) throws {
        for number in numbers { try send([number]) }
    }

    func sendTrain(_ train: [UInt8], segmentSize: Int) throws {
        let destination = SocketAddress(.v4(Self.group), port: Self.port)
        try train.withUnsafeBytes { try sender.socket.sendTrain($0, segmentSize: segmentSize, to: destination) }
    }

    /// Lets the street's packets out by these VIFs (1 is left, 2 is right).
    func set(outputs: VirtualInterfaceSet) throws {
        #expect(try cache.apply([.set(Self.key, input: up, outputs: outputs)]) == [])
    }

    /// A viewer's socket, joined to the group on the viewer's own interface.
    func viewer(_ node: String, interface name: String) throws -> Viewer {
        try network.inside(node) {
            let socket = try UDPSocket(.v4)
            try socket.bind(to: SocketAddress(.v4(.unspecified), port: Self.port))
            let index = InterfaceIndex(if_nametoindex(name))
            try socket.join(group: .v4(Self.group), source: .v4(Self.source), on: index)
            return try Viewer(socket)
        }
    }
}

/// Receives what comes; packets over veth are there when the sender's call returns, or a moment later.
struct Viewer: ~Copyable {
    private let socket: UDPSocket
    private var batch: ReceiveBatch

    init(_ socket: consuming UDPSocket) throws {
        self.socket = socket
        batch = try ReceiveBatch(capacity: 64, bufferSize: 65_535)
    }

    /// The next `count` datagrams, or those that came within two seconds.
    mutating func receive(_ count: Int) throws -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        while datagrams.count < count {
            guard (try? socket.descriptor.waitUntilReadable(milliseconds: 2000)) != nil else { break }
            datagrams += try receiveWaiting()
        }
        return datagrams
    }

    /// What is there now.
    mutating func receiveWaiting() throws -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        while try batch.fill(from: socket.descriptor) > 0 {
            for index in 0..<batch.count {
                let bytes = batch.bytes(at: index)
                var reader = WireReader(bytes)
                datagrams.append(try reader.readBytes(bytes.byteCount))
            }
        }
        return datagrams
    }
}

extension Street {
    /// The next messages of the routing socket that satisfy `isWanted`, at most `count`, waiting two seconds at most.
    func routingMessages(_ count: Int, where isWanted: (RoutingMessage) -> Bool) throws -> [RoutingMessage] {
        var batch = try ReceiveBatch.forRouterMessages()
        var messages: [RoutingMessage] = []
        while messages.count < count {
            guard (try? routing.socket.descriptor.waitUntilReadable(milliseconds: 2000)) != nil else { break }
            _ = try routing.socket.receive(into: &batch)
            for index in 0..<batch.count {
                let message = try MulticastRoutingSocket.message(at: index, of: batch)
                if isWanted(message) { messages.append(message) }
            }
        }
        return messages
    }
}

/// What a tuple or an array cannot hold: a socket without copies.
final class SharedSender {
    let socket: UDPSocket

    init(on interface: InterfaceIndex) throws {
        let socket = try UDPSocket(.v4)
        try socket.setMulticastInterface(interface)
        try socket.setMulticastTTL(16)
        try socket.setMulticastLoop(true)
        self.socket = socket
    }
}

final class SharedRouting {
    let socket: MulticastRoutingSocket

    init() throws { socket = try MulticastRoutingSocket() }
}
